//! Whose changes are asked for.

use inkstone_spec::{Invalid, Owner, ProjectRef, ServiceRef, WorkspaceName};
use std::fmt;
use std::str::FromStr;

/// A service, or everything of a project or workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Workspace(WorkspaceName),
    Project(ProjectRef),
    Service(ServiceRef),
}

impl Scope {
    pub(super) fn covers(&self, owner: &Owner) -> bool {
        match (self, owner) {
            (Self::Workspace(name), Owner::Workspace(workspace)) => workspace == name,
            (Self::Workspace(name), Owner::Project(project)) => project.workspace == *name,
            (Self::Workspace(name), Owner::Service(service)) => service.workspace == *name,
            (Self::Project(name), Owner::Project(project)) => project == name,
            (Self::Project(name), Owner::Service(service)) => service.project_ref() == *name,
            (Self::Service(name), Owner::Service(service)) => service == name,
            (_, Owner::Platform)
            | (Self::Project(_) | Self::Service(_), Owner::Workspace(_))
            | (Self::Service(_), Owner::Project(_)) => false,
        }
    }
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(match text.matches('/').count() {
            0 => Self::Workspace(text.parse()?),
            1 => Self::Project(text.parse()?),
            _ => Self::Service(text.parse()?),
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace(name) => name.fmt(f),
            Self::Project(name) => name.fmt(f),
            Self::Service(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_what_is_below_it_and_nothing_beside_it() {
        let owners = [
            Owner::Platform,
            Owner::Workspace("acme".parse().unwrap()),
            Owner::Project("acme/shop".parse().unwrap()),
            Owner::Service("acme/shop/api".parse().unwrap()),
        ];
        for (name, covered) in [
            ("acme", &[1, 2, 3][..]),
            ("acme/shop", &[2, 3]),
            ("acme/shop/api", &[3]),
            ("acme/other", &[]),
            ("other", &[]),
            ("acme/shop/web", &[]),
        ] {
            let scope: Scope = name.parse().unwrap();
            assert_eq!(scope.to_string(), name);
            let found: Vec<_> = (0..4).filter(|at| scope.covers(&owners[*at])).collect();
            assert_eq!(found, covered, "{name}");
        }
        assert!("a/b/c/d".parse::<Scope>().is_err());
    }
}
