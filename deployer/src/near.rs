//! Names close to one that does not exist.

/// How many names are suggested.
const MAX_SUGGESTED: usize = 5;
/// How alike a name must be (Jaro-Winkler, 0 to 1).
const MIN_SIMILARITY: f64 = 0.7;

/// The names most like `name`, best first; they must be ones that the caller may see.
pub(crate) fn near(name: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut scored: Vec<(f64, String)> = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate))
        .filter(|(score, _)| *score >= MIN_SIMILARITY)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.truncate(MAX_SUGGESTED);
    scored.into_iter().map(|(_, candidate)| candidate).collect()
}

/// A sentence that offers the names, or says where to find them.
pub(crate) fn offer(names: &[String], list_tool: &str) -> String {
    if names.is_empty() {
        format!("Call {list_tool} for those that exist.")
    } else {
        format!("Did you mean {}? Call {list_tool} for all that exist.", names.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_what_was_meant_and_nothing_else() {
        let known = ["default/checkout-api", "default/site", "default/docs"].map(String::from);
        assert_eq!(
            near("default/checkuot-api", known.clone()).first().unwrap(),
            "default/checkout-api"
        );
        assert_eq!(near("zzz", known), Vec::<String>::new());
    }
}
