//! `guildhall`: see `guildhall --help`.

/// Gives back what a storm of logins leaves in holes: by the system's allocator it stays for good.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    guildhall::cli::run()
}
