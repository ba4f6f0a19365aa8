//! What a client accepts: `Accept-Encoding` and `Accept` (RFC 9110, section 12.5).

use http::{HeaderMap, header};

/// A content coding that a file may lie beside its plain form in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// The better compression first.
    pub(crate) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// The name of the coding in HTTP.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What is appended to a file's name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// The encoding to send, of those that exist. Among equal preferences a compressed one wins; what
/// a client refuses is never sent; the plain form is what is left.
pub(crate) fn encoding(
    headers: &HeaderMap,
    available: impl Iterator<Item = Encoding>,
) -> Option<Encoding> {
    let preferences = weighted(headers, header::ACCEPT_ENCODING);
    let explicit = |name: &str| preferences.iter().find(|(token, _)| token == name).map(|p| p.1);
    let any = explicit("*");
    let plain = explicit("identity").unwrap_or(Weight::REFUSED);
    available
        .filter_map(|encoding| {
            let alias = (encoding == Encoding::Gzip).then(|| explicit("x-gzip")).flatten();
            let weight = explicit(encoding.name()).or(alias).or(any)?;
            (weight > Weight::REFUSED && weight >= plain).then_some((encoding, weight))
        })
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(encoding, _)| encoding)
}

/// Whether an HTML page is an answer that the client can use. No `Accept` accepts everything.
pub(crate) fn html(headers: &HeaderMap) -> bool {
    let ranges = weighted(headers, header::ACCEPT);
    let weight = ["text/html", "text/*", "*/*"]
        .iter()
        .find_map(|name| ranges.iter().find(|(range, _)| range == name))
        .map(|(_, weight)| *weight);
    ranges.is_empty() || weight.is_some_and(|weight| weight > Weight::REFUSED)
}

/// A quality value in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u16);

impl Weight {
    const REFUSED: Self = Self(0);
    const FULL: Self = Self(1000);

    /// `0.8` or `1.000`. What is no quality value refuses, for it cannot be relied on.
    fn parse(text: &str) -> Self {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
        match (whole, digits) {
            ("0", true) => format!("{fraction:0<3}").parse().map_or(Self::REFUSED, Self),
            ("1", true) => Self::FULL,
            _ => Self::REFUSED,
        }
    }
}

/// The members of a list header, in lower case, each with its weight.
fn weighted(headers: &HeaderMap, name: header::HeaderName) -> Vec<(String, Weight)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|member| {
            let mut parts = member.split(';').map(str::trim);
            let token = parts.next().filter(|token| !token.is_empty())?.to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                .map_or(Weight::FULL, Weight::parse);
            Some((token, weight))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(accept_encoding: &'static str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept_encoding));
        encoding(&headers, Encoding::ALL.into_iter()).map(Encoding::name)
    }

    #[test]
    fn the_best_encoding_that_the_client_accepts_is_chosen() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("X-GZIP", Some("gzip")),
            ("gzip;q=1.0, br;q=0.5", Some("gzip")),
            ("br;q=0, gzip;q=0.001", Some("gzip")),
            ("*", Some("br")),
            ("*, br;q=0", Some("gzip")),
            ("identity, br;q=0.5", None),
            ("br;q=0", None),
            ("br;q=much", None),
            ("", None),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
    }

    #[test]
    fn html_is_accepted_by_the_most_specific_range() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", true),
            ("application/json", false),
            ("text/html;q=0, */*", false),
            ("image/avif,image/*", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(html(&headers), expected, "{accept}");
        }
        assert!(html(&HeaderMap::new()), "a client that says nothing takes anything");
    }
}
