//! Who a request comes from, carried from the HTTP layer to the tools.

use crate::RequestId;
use inkstone_deployer::{Caller, KeyRecord, Tool};
use inkstone_spec::ApiKey;

/// An authenticated request. It lives in the request's extensions and ends with it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) key: KeyRecord,
    pub(crate) secret: ApiKey,
    pub(crate) request_id: RequestId,
}

impl Identity {
    /// The caller, who came through the tool `name`.
    pub(crate) fn caller(self, name: &'static str) -> Caller {
        let request_id = self.request_id.as_str().to_owned();
        Caller::new(self.key, self.secret, request_id, Tool::new(name))
    }
}
