//! What renders: golden cases judged by Kubernetes' own types, a second YAML parser, kubectl, and Pod
//! Security; what templates may do; what hostile input can not.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod kubectl;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod network;
#[cfg(test)]
mod pod_security;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod strings;
#[cfg(test)]
mod templates;
