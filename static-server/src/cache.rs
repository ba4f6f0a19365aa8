//! How long a client may keep what it got.
//!
//! A fingerprinted name changes when its content does, so it is kept for a year. Everything else
//! is revalidated by entity tag at each use (a 304 costs no body), so a deploy is seen at once.
//! A name that is wrongly taken for a fingerprint would be stale for a year, one that is wrongly
//! not costs a 304: the rules below are strict.

use http::HeaderValue;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
pub(crate) const REVALIDATE: &str = "no-cache";

/// The shortest hexadecimal fingerprint (webpack, Parcel and others write 8 to 64 digits).
const MIN_HEX: usize = 8;

/// The length of a base64url or base32 fingerprint (Vite, Rollup and esbuild write 8 characters).
const BASE64_LENGTH: usize = 8;

/// What bundlers name with letters of both cases, which people do not.
const BUNDLED: [&str; 8] = ["js", "mjs", "css", "map", "wasm", "woff", "woff2", "ttf"];

/// The `Cache-Control` of a URL path.
pub(crate) fn policy(url: &[u8]) -> HeaderValue {
    let name = url.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let immutable = str::from_utf8(name).is_ok_and(is_fingerprinted);
    HeaderValue::from_static(if immutable { IMMUTABLE } else { REVALIDATE })
}

/// Whether a file name carries a hash of its content: `app.3f2c1ab9.js`, `index-BX3kq9Zr.css`.
fn is_fingerprinted(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    if matches!(extension, "html" | "htm") {
        return false;
    }
    let hex = stem.split(['.', '-', '_']).any(is_hex_fingerprint);
    hex || (BUNDLED.contains(&extension) && ends_in_base64_fingerprint(stem))
}

/// Digits alone are a date, letters alone may be a word.
fn is_hex_fingerprint(part: &str) -> bool {
    part.len() >= MIN_HEX
        && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && part.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Eight characters after a separator, in which an upper-case letter is found and a digit comes
/// before a letter. `Version2` and `IMG20240` have no such digit.
fn ends_in_base64_fingerprint(stem: &str) -> bool {
    let Some((name, part)) =
        stem.len().checked_sub(BASE64_LENGTH).and_then(|at| stem.split_at_checked(at))
    else {
        return false;
    };
    let digit_before_letter = part
        .bytes()
        .zip(part.bytes().skip(1))
        .any(|(first, second)| first.is_ascii_digit() && second.is_ascii_alphabetic());
    name.ends_with(['.', '-'])
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && part.bytes().any(|byte| byte.is_ascii_uppercase())
        && digit_before_letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_bundlers_fingerprint_are_kept_for_a_year() {
        for name in [
            "app.3f2c1ab9.js",
            "assets/index-BX3kq9Zr.js",
            "assets/index-D1x-q_Zr.css",
            "main-6JZ2XKQJ.js",
            "main.073c9b0a.chunk.js",
            "_next/static/chunks/4bd1b696-0123456789abcdef.js",
            "0a1b2c3d4e5f60718293.png",
            "app.3f2c1ab9.js.map",
        ] {
            assert_eq!(policy(name.as_bytes()), IMMUTABLE, "{name}");
        }
    }

    #[test]
    fn names_that_people_give_are_revalidated() {
        for name in [
            "index.html",
            "page.3f2c1ab9.html",
            "app.js",
            "report-20240115.pdf",
            "photo-2024jan1.jpg",
            "screenshot-IMG_1234.png",
            "lib-Version2.js",
            "jquery-3.7.1.min.js",
            "logo-Homepage.css",
            "facade-deadbeef.js",
            "robots.txt",
            "noextension3f2c1ab9",
        ] {
            assert_eq!(policy(name.as_bytes()), REVALIDATE, "{name}");
        }
    }
}
