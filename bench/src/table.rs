//! Tables that people read, in Markdown with columns that line up.

/// One line of results.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    metric: String,
    value: String,
    goal: String,
    met: &'static str,
}

impl Row {
    /// A result that has no goal.
    pub(crate) fn told(metric: impl Into<String>, value: impl Into<String>) -> Self {
        Self { metric: metric.into(), value: value.into(), goal: String::new(), met: "" }
    }

    /// A result that has one.
    pub(crate) fn judged(
        metric: impl Into<String>,
        value: impl Into<String>,
        goal: impl Into<String>,
        met: bool,
    ) -> Self {
        let met = if met { "yes" } else { "NO" };
        Self { goal: goal.into(), met, ..Self::told(metric, value) }
    }
}

/// The results, each with its goal.
pub(crate) fn results(rows: &[Row]) -> String {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| vec![row.metric.as_str(), row.value.as_str(), row.goal.as_str(), row.met])
        .collect();
    markdown(&["metric", "value", "goal", "met?"], &cells)
}

/// Rows of cells under their titles.
pub(crate) fn markdown(titles: &[&str], rows: &[Vec<&str>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.chain(titles.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let rule: Vec<&str> = rule.iter().map(String::as_str).collect();
    let mut text = line(titles) + &line(&rule);
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_a_missed_goal_stands_out() {
        let rows =
            [Row::told("renders", "80,000/s"), Row::judged("commits", "4.2 ms", "< 3 ms", false)];
        let expected = "\
| metric  | value    | goal   | met? |
| ------- | -------- | ------ | ---- |
| renders | 80,000/s |        |      |
| commits | 4.2 ms   | < 3 ms | NO   |
";
        assert_eq!(results(&rows), expected);
    }
}
