//! The process that runs everything inside. When it ends, everything does.

use std::fmt::Write as _;
use std::fs;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::component::{Component, News};
use super::control_plane::API;
use super::inside::Inside;
use super::product::{INGRESS, SERVE};
use super::{argocd, certificates, control_plane, follow, image, namespace, node, product};
use crate::step;

/// How long components that are started together may take until all of them are ready.
const START: Duration = Duration::from_mins(3);

/// Starts everything in order, says so in the file [`super::home::Home::ready`], and stays.
pub(crate) fn supervise(inside: &Inside) -> Result<()> {
    let start = Instant::now();
    namespace::prepare(inside).context("cannot make mounts and network")?;
    let certificates = certificates::make(&inside.home)?;
    follow::make_webhook_secret(&inside.home)?;
    let mut crew = Crew::new(inside);
    crew.start(vec![
        control_plane::etcd(inside),
        node::containerd(inside),
        argocd::redis(inside),
        product::registry(inside),
    ])?;
    image::import_sandbox(inside)?;
    image::push_workload(inside)?;
    crew.start(vec![control_plane::api_server(inside, &certificates)])?;
    crew.add(control_plane::controller_manager(inside, &certificates));
    crew.add(control_plane::scheduler(inside));
    crew.add(node::kubelet(inside));
    crew.add(control_plane::proxy(inside));
    crew.add(node::network_policies(inside));
    step::timed("objects", || {
        inside.apply(["-f", "/run/inkstone/files/objects.yaml"])?;
        argocd::install(inside)
    })?;
    crew.start(vec![product::serve(inside)])?;
    follow::follow(inside)?;
    follow::make_reconciler_keys(inside)?;
    crew.add(product::reconciler(inside));
    crew.add(product::traefik(inside));
    crew.start(argocd::servers(inside)?)?;
    step::timed("ArgoCD follows the state repo", || follow::wait(inside))?;
    fs::write(inside.home.ready(), crew.table(start.elapsed()))?;
    crew.stay()
}

/// The components so far.
struct Crew<'a> {
    inside: &'a Inside,
    table: String,
    awaited: Vec<&'static str>,
    sender: Sender<News>,
    news: Receiver<News>,
}

impl<'a> Crew<'a> {
    fn new(inside: &'a Inside) -> Self {
        let (sender, news) = mpsc::channel();
        Self { inside, table: String::new(), awaited: Vec::new(), sender, news }
    }

    /// Starts one more.
    fn add(&mut self, component: Component) {
        self.awaited.push(component.name);
        // Writing to a String does not fail.
        let _ = writeln!(self.table, "  {:34}{}", component.name, component.at);
        let (home, sender) = (self.inside.home.clone(), self.sender.clone());
        thread::spawn(move || component.keep(&home, &sender));
    }

    /// Starts some more, and waits until all of them are ready.
    fn start(&mut self, components: Vec<Component>) -> Result<()> {
        for component in components {
            self.add(component);
        }
        let deadline = Instant::now() + START;
        while !self.awaited.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(News::Ready(name)) => self.awaited.retain(|awaited| *awaited != name),
                Ok(News::Lost(error)) => return Err(error),
                Err(RecvTimeoutError::Disconnected) => bail!("nothing is left"),
                Err(RecvTimeoutError::Timeout) => {
                    let (names, logs) = (self.awaited.join(", "), self.inside.home.logs());
                    bail!("not ready in {} s: {names}; see {}", START.as_secs(), logs.display());
                }
            }
        }
        Ok(())
    }

    /// What runs where, and what to do with it.
    fn table(&self, took: Duration) -> String {
        let home = &self.inside.home;
        let ports = if self.inside.isolated {
            "none: started with --isolated".to_owned()
        } else {
            format!(
                "http://127.0.0.1:{SERVE} is Inkstone, http://HOST:{INGRESS} every service, \
                 https://127.0.0.1:{API} Kubernetes"
            )
        };
        format!(
            "Up after {:.1} s. What runs inside, and where it listens there:\n\n{}\n\
             ports of this machine: {ports}\n\
             API key: {}\n\
             KUBECONFIG={}\n\
             logs: {}\n\
             inside: cargo xtask cluster exec -- kubectl get pods --all-namespaces\n\
             a part: cargo xtask cluster stop NAME, cargo xtask cluster start NAME\n\
             the end: cargo xtask cluster down",
            took.as_secs_f64(),
            self.table,
            home.key().display(),
            home.kubeconfig().display(),
            home.logs().display(),
        )
    }

    /// Stays for as long as every component can be kept running.
    fn stay(self) -> Result<()> {
        for news in self.news {
            if let News::Lost(error) = news {
                return Err(error);
            }
        }
        Ok(())
    }
}
