//! Who is believed: a certificate for the API server, a key for service accounts, and the one token that
//! every component and person uses.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::home::Home;
use super::namespace::NODE;
use crate::step;

/// Of a cluster that nothing outside the machine reaches.
const TOKEN: &str = "cluster-admin-of-this-machine";
/// The API server, as clients and pods call it.
const NAMES: &str = "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1";

/// The files, and what each is to the API server.
pub(crate) struct Certificates {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) tokens: PathBuf,
    pub(crate) service_accounts: PathBuf,
}

/// Makes all of them and the kubeconfig.
pub(crate) fn make(home: &Home) -> Result<Certificates> {
    let file = |name: &str| home.certificates().join(name);
    let made = Certificates {
        certificate: file("api-server.crt"),
        key: file("api-server.key"),
        tokens: file("tokens.csv"),
        service_accounts: file("service-accounts.key"),
    };
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-batch", "-noenc", "-days", "30"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-subj", "/CN=kubernetes", "-addext"]);
    openssl.arg(format!("subjectAltName={NAMES},IP:{NODE}"));
    openssl.arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate);
    step::quietly(&mut openssl)?;
    let mut openssl = Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]);
    step::quietly(openssl.arg(&made.service_accounts))?;
    fs::write(&made.tokens, format!("{TOKEN},admin,admin,system:masters\n"))?;
    fs::write(home.kubeconfig(), kubeconfig(&made))?;
    Ok(made)
}

/// For everybody: the namespace is the one that ArgoCD's servers have to be told.
fn kubeconfig(made: &Certificates) -> String {
    let authority = made.certificate.display();
    format!(
        "apiVersion: v1
kind: Config
current-context: cluster
clusters:
  - name: cluster
    cluster:
      server: https://127.0.0.1:6443
      certificate-authority: {authority}
users:
  - name: admin
    user:
      token: {TOKEN}
contexts:
  - name: cluster
    context:
      cluster: cluster
      user: admin
      namespace: argocd
"
    )
}
