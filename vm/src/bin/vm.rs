//! The `vm` command: everything is in [`cli`].

#[path = "../cli/mod.rs"]
mod cli;

fn main() {
    cli::main();
}
