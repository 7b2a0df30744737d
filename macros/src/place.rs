//! Under which name the program knows gmp.
//!
//! An attribute macro writes paths into a crate whose manifest may call gmp something else:
//! `tokio = { package = "gmp", .. }` is how a program changes its runtime with one line. Without `crate = ..`
//! the name is looked up:
//!
//! 1. The manifest of the package that is being compiled is read, line by line: its dependency tables.
//!    What follows is said of `gmp`; the facade's attributes look for `tokio` in the same way.
//! 2. A dependency called `gmp` decides: the path is `gmp`.
//! 3. Else a dependency with `package = "gmp"` does: the path is its key. Where the key only says
//!    `workspace = true`, the package name is in a manifest further up.
//! 4. Else, and whenever something cannot be read, the path is `gmp`, and rustc says what it misses.
//!
//! Line by line will do, as TOML keeps an inline table on one line; what is written in another way falls
//! under 4, and `crate = ..` is always there.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn of(package: &str) -> TokenStream {
    let name =
        manifest_dir().and_then(|dir| look_up(package, &dir)).unwrap_or_else(|| package.into());
    match syn::parse_str::<Ident>(&name.replace('-', "_")) {
        Ok(ident) => {
            let ident = Ident::new(&ident.to_string(), Span::call_site());
            quote!(#ident)
        }
        Err(_) => {
            let ident = Ident::new(package, Span::call_site());
            quote!(#ident)
        }
    }
}

fn manifest_dir() -> Option<PathBuf> {
    env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)
}

fn look_up(package: &str, dir: &Path) -> Option<String> {
    let own = dependencies(&fs::read_to_string(dir.join("Cargo.toml")).ok()?);
    if let Some(name) = name_among(package, &own) {
        return Some(name);
    }
    let inherited: Vec<&Dependency> =
        own.iter().filter(|dependency| dependency.inherited).collect();
    if inherited.is_empty() {
        return None;
    }
    // The manifest of the workspace may be the package's own.
    let of_workspace = dir
        .ancestors()
        .filter_map(|dir| fs::read_to_string(dir.join("Cargo.toml")).ok())
        .find(|text| text.lines().any(|line| line.trim_start().starts_with("[workspace")))?;
    let renamed: Vec<Dependency> = dependencies(&of_workspace)
        .into_iter()
        .filter(|dependency| dependency.package == package)
        .collect();
    let found = inherited.iter().find(|own| renamed.iter().any(|there| there.key == own.key))?;
    Some(found.key.clone())
}

/// Steps 2 and 3, without the workspace.
fn name_among(package: &str, own: &[Dependency]) -> Option<String> {
    if own.iter().any(|dependency| dependency.key == package) {
        return Some(package.into());
    }
    let renamed = own.iter().find(|dependency| dependency.package == package)?;
    Some(renamed.key.clone())
}

#[derive(Debug, Default, PartialEq)]
struct Dependency {
    /// The name on the left.
    key: String,
    /// What `package = ".."` says; empty without.
    package: String,
    /// `workspace = true`.
    inherited: bool,
}

/// All dependencies in a manifest, of whatever kind and target.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut all: Vec<Dependency> = Vec::new();
    // Inside `[dependencies]` each line is a dependency, inside `[dependencies.key]` all are one.
    let mut in_table = false;
    let mut in_entry = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or("");
            in_table = header.ends_with("dependencies");
            let parts = header.rsplit_once('.');
            in_entry = false;
            if let (false, Some((table, key))) = (in_table, parts) {
                if table.ends_with("dependencies") {
                    in_entry = true;
                    all.push(Dependency { key: unquoted(key), ..Dependency::default() });
                }
            }
            continue;
        }
        let Some((left, right)) = line.split_once('=') else { continue };
        if line.starts_with('#') {
            continue;
        }
        let left = left.trim();
        if in_entry {
            if let Some(entry) = all.last_mut() {
                read_pair(entry, left, right);
            }
        } else if in_table {
            let (key, rest) = left.split_once('.').unwrap_or((left, ""));
            let key = unquoted(key);
            if rest.is_empty() || all.last().is_none_or(|last| last.key != key) {
                all.push(Dependency { key, ..Dependency::default() });
            }
            let Some(entry) = all.last_mut() else { continue };
            if rest.is_empty() {
                let inside = right.trim().trim_start_matches('{');
                for (name, value) in inside.split(',').filter_map(|pair| pair.split_once('=')) {
                    read_pair(entry, name.trim(), value);
                }
            } else {
                // `key.workspace = true`
                read_pair(entry, rest.trim(), right);
            }
        }
    }
    all
}

fn read_pair(entry: &mut Dependency, name: &str, value: &str) {
    match name {
        "package" => {
            let inside = value.split(['"', '\'']).nth(1);
            entry.package = inside.unwrap_or("").to_owned();
        }
        "workspace" => entry.inherited = value.trim().starts_with("true"),
        _ => {}
    }
}

fn unquoted(key: &str) -> String {
    key.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_in(manifest: &str) -> Option<String> {
        look_up_in("one", &[("", manifest)], "")
    }

    /// Writes manifests into a directory of the test and looks from `from`.
    fn look_up_in(test: &str, manifests: &[(&str, &str)], from: &str) -> Option<String> {
        let thread = format!("{:?}", std::thread::current().id());
        let id: String = thread.chars().filter(char::is_ascii_digit).collect();
        let root = env::temp_dir().join(format!("gmp-place-{test}-{}-{id}", std::process::id()));
        for (dir, text) in manifests {
            fs::create_dir_all(root.join(dir)).unwrap();
            fs::write(root.join(dir).join("Cargo.toml"), text).unwrap();
        }
        let found = look_up("gmp", &root.join(from));
        fs::remove_dir_all(&root).unwrap();
        found
    }

    #[test]
    fn under_its_own_name() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\ngmp = { path = \"..\" }\n";
        assert_eq!(name_in(manifest).as_deref(), Some("gmp"));
        assert_eq!(name_in("[dev-dependencies.gmp]\npath = \"..\"\n").as_deref(), Some("gmp"));
        assert_eq!(name_in("[dependencies]\ngmp.workspace = true\n").as_deref(), Some("gmp"));
        let both = "[dependencies]\ntokio = { package = \"gmp\" }\ngmp = \"0.1\"\n";
        assert_eq!(name_in(both).as_deref(), Some("gmp"));
    }

    #[test]
    fn renamed() {
        for manifest in [
            "[dependencies]\nserde = \"1\"\ntokio = { version = \"0.1\", package = \"gmp\" }\n",
            "[dependencies]\n\"tokio\" = { features = [\"a\", \"b\"], package = 'gmp' } # why\n",
            "[dependencies.serde]\nversion = \"1\"\n\n[dev-dependencies.tokio]\npackage = \"gmp\"\n",
            "[target.'cfg(unix)'.dependencies]\ntokio = { package=\"gmp\" }\n",
            "[dependencies]\ntokio.version = \"0.1\"\ntokio.package = \"gmp\"\n",
        ] {
            assert_eq!(name_in(manifest).as_deref(), Some("tokio"), "{manifest}");
        }
    }

    #[test]
    fn renamed_by_the_workspace() {
        let root = "[workspace]\nmembers = [\"a\"]\n[workspace.dependencies]\n\
                    tokio = { path = \"x\", package = \"gmp\" }\nserde = \"1\"\n";
        for own in [
            "[dependencies]\nserde.workspace = true\ntokio.workspace = true\n",
            "[dependencies]\ntokio = { workspace = true, features = [\"full\"] }\n",
            "[dependencies.tokio]\nworkspace = true\n",
        ] {
            let found = look_up_in("workspace", &[("", root), ("crates/a", own)], "crates/a");
            assert_eq!(found.as_deref(), Some("tokio"), "{own}");
        }
        let none = "[dependencies]\nserde.workspace = true\n";
        assert_eq!(look_up_in("none", &[("", root), ("a", none)], "a"), None);
    }

    #[test]
    fn not_at_all() {
        let manifest = "# tokio = { package = \"gmp\" }\n[package.metadata]\npackage = \"gmp\"\n\
                        [features]\ngmp = []\n[dependencies]\nother = { package = \"gmp-macros\" }\n";
        assert_eq!(name_in(manifest), None);
        assert_eq!(look_up("gmp", Path::new("/nowhere/at/all")), None);
    }

    #[test]
    fn of_the_facade() {
        let of = |manifest| {
            let all = dependencies(manifest);
            name_among("tokio", &all)
        };
        assert_eq!(of("[dependencies]\ntokio = \"1\"\ngmp = \"0.1\"\n").as_deref(), Some("tokio"));
        let renamed = "[dependencies]\nrt = { version = \"1\", package = \"tokio\" }\n";
        assert_eq!(of(renamed).as_deref(), Some("rt"));
        assert_eq!(of("[dependencies]\ngmp = \"0.1\"\n"), None);
    }
}
