//! What an executable says of itself (System V ABI, ELF-64).

use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// The name of a processor architecture as the OCI image specification has it (Go's `GOARCH`).
pub(crate) type Architecture = &'static str;

/// Why an executable cannot run in an image that holds nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    NotAnExecutable,
    UnknownArchitecture,
    /// It needs a loader, which the image does not have.
    DynamicallyLinked,
}

/// Reads the architecture of a statically linked executable.
pub(crate) fn architecture(binary: &[u8]) -> Result<Architecture, Unfit> {
    let header = FileHeader64::<Endianness>::parse(binary).map_err(|_| Unfit::NotAnExecutable)?;
    let endian = header.endian().map_err(|_| Unfit::NotAnExecutable)?;
    let segments = header.program_headers(endian, binary).map_err(|_| Unfit::NotAnExecutable)?;
    if segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
        return Err(Unfit::DynamicallyLinked);
    }
    match header.e_machine(endian) {
        _ if segments.is_empty() => Err(Unfit::NotAnExecutable),
        EM_X86_64 => Ok("amd64"),
        EM_AARCH64 => Ok("arm64"),
        _ => Err(Unfit::UnknownArchitecture),
    }
}
