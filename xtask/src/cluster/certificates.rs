//! Who is believed: an authority and its certificate for the API server, a key for service accounts, the one
//! token that every component and person uses, and one for each service account of the product.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::home::Home;
use crate::step;

/// The namespace of the product's service accounts in `argocd/access.yaml`.
const ACCOUNTS: &str = "inkstone";

/// The service accounts of the product, which may do what `argocd/access.yaml` lets them.
pub(crate) const SERVER: &str = "inkstone-server";
pub(crate) const RECONCILER: &str = "inkstone-reconciler";

/// The files, and what each is to the API server.
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) tokens: PathBuf,
    pub(crate) service_accounts: PathBuf,
}

/// Makes all of them and the kubeconfig.
pub(crate) fn make(home: &Home) -> Result<Certificates> {
    let file = |name: &str| home.certificates().join(name);
    let made = Certificates {
        authority: file("authority.crt"),
        certificate: file("api-server.crt"),
        key: file("api-server.key"),
        tokens: file("tokens.csv"),
        service_accounts: file("service-accounts.key"),
    };
    let authority_key = file("authority.key");
    let mut authority = certificate("authority", &authority_key, &made.authority);
    step::quietly(&mut authority)?;
    let mut server = certificate("server", &made.key, &made.certificate);
    server.arg("-CA").arg(&made.authority).arg("-CAkey").arg(&authority_key);
    step::quietly(&mut server)?;
    let mut openssl = Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]);
    step::quietly(openssl.arg(&made.service_accounts))?;
    let admin = secret()?;
    let mut tokens = vec![format!("{admin},admin,admin,system:masters\n")];
    write_private(&home.kubeconfig(), &kubeconfig(&made, &admin))?;
    for account in [SERVER, RECONCILER] {
        // As the API server knows a service account by a token that it signed itself.
        let token = secret()?;
        tokens.push(format!(
            "{token},system:serviceaccount:{ACCOUNTS}:{account},{account},\
             \"system:serviceaccounts,system:serviceaccounts:{ACCOUNTS}\"\n"
        ));
        write_private(&home.kubeconfig_of(account), &kubeconfig(&made, &token))?;
    }
    write_private(&made.tokens, &tokens.concat())?;
    Ok(made)
}

/// What nobody guesses: the API server's port is one of the machine's, which others may share.
pub(crate) fn secret() -> Result<String> {
    let secret = step::read(Command::new("openssl").args(["rand", "-hex", "32"]))?;
    Ok(secret.trim_end().to_owned())
}

/// Writes a file that only its owner reads.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut options = File::options();
    let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// A command that makes a certificate of a section of `openssl.cnf`.
fn certificate(section: &str, key: &Path, certificate: &Path) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-batch", "-noenc", "-days", "30", "-extensions", section]);
    openssl.args(["-config", "/run/inkstone/files/openssl.cnf", "-subj"]);
    openssl.arg(format!("/CN=kubernetes-{section}"));
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.arg("-keyout").arg(key).arg("-out").arg(certificate);
    openssl
}

/// For everybody: the namespace is the one that ArgoCD's servers have to be told.
fn kubeconfig(made: &Certificates, token: &str) -> String {
    let authority = made.authority.display();
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
  - name: user
    user:
      token: {token}
contexts:
  - name: cluster
    context:
      cluster: cluster
      user: user
      namespace: argocd
"
    )
}
