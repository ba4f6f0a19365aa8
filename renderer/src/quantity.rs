//! Kubernetes quantities in the form that the API server gives back, so that what is applied and what
//! is observed are the same text (k8s.io/apimachinery, resource.Quantity, "canonical form").

use inkstone_spec::{Memory, Vcpus};

/// The memory of one pod.
pub(crate) fn memory(size: Memory) -> &'static str {
    match size {
        Memory::Mi256 => "256Mi",
        Memory::Mi512 => "512Mi",
        Memory::Mi1024 => "1Gi",
        Memory::Mi2048 => "2Gi",
        Memory::Mi4096 => "4Gi",
    }
}

/// The CPU of one pod.
pub(crate) fn cpu(cores: Vcpus) -> &'static str {
    match cores {
        Vcpus::Half => "500m",
        Vcpus::One => "1",
        Vcpus::Two => "2",
        Vcpus::Four => "4",
    }
}

/// A count: thousands become `k`.
pub(crate) fn count(number: u32) -> String {
    scaled(number, 1000, &["", "k", "M", "G"])
}

/// A number of GiB: multiples of 1024 become `Ti`.
pub(crate) fn gibibytes(number: u32) -> String {
    if number == 0 {
        return "0".to_owned();
    }
    scaled(number, 1024, &["Gi", "Ti", "Pi", "Ei"])
}

fn scaled(number: u32, step: u32, suffixes: &[&str]) -> String {
    let mut rest = number;
    let mut suffix = "";
    for (i, name) in suffixes.iter().enumerate() {
        suffix = name;
        if rest == 0 || !rest.is_multiple_of(step) || i + 1 == suffixes.len() {
            break;
        }
        rest /= step;
    }
    format!("{rest}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_in_canonical_form() {
        let counts =
            [(0, "0"), (1, "1"), (999, "999"), (1000, "1k"), (1500, "1500"), (2_000_000, "2M")];
        for (number, text) in counts {
            assert_eq!(count(number), text);
        }
        let sizes =
            [(0, "0"), (1, "1Gi"), (40, "40Gi"), (1000, "1000Gi"), (1024, "1Ti"), (3072, "3Ti")];
        for (number, text) in sizes {
            assert_eq!(gibibytes(number), text);
        }
    }
}
