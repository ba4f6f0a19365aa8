//! What holds a pod's namespaces open: it does nothing for as long as it is let.

fn main() {
    loop {
        std::thread::park();
    }
}
