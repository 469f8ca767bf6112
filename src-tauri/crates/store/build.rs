//! Builds again when a migration is added, which the `migrate!` macro alone does not see.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
