//! One crate as rustdoc's JSON tells of it: items by id, and the public paths that lead to them.
//!
//! A path is public if each step is: a module, or a `use`, of which the target may be private or hidden.
//! So an item can have several paths, and what nobody can name has none. Hidden paths are left out.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// The field of an item's `inner` object, which says what it is.
pub(crate) fn kind(item: &Value) -> &str {
    item["inner"].as_object().and_then(|inner| inner.keys().next()).map_or("", String::as_str)
}

pub(crate) fn inner(item: &Value) -> &Value {
    &item["inner"][kind(item)]
}

/// The elements of an array; none, if it is something else.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn has_attribute(item: &Value, names: [&str; 2]) -> bool {
    list(&item["attrs"]).iter().any(|attr| {
        let attr = attr.to_string();
        names.iter().any(|name| attr.contains(name))
    })
}

pub(crate) fn is_hidden(item: &Value) -> bool {
    has_attribute(item, ["doc(hidden)", "Hidden"])
}

pub(crate) fn is_track_caller(item: &Value) -> bool {
    has_attribute(item, ["TrackCaller", "track_caller"])
}

pub(crate) fn is_public(item: &Value) -> bool {
    matches!(text(&item["visibility"]), "public" | "default")
}

/// A macro, a type and a value may share a path.
fn namespace(kind: &str) -> char {
    match kind {
        "macro" | "proc_macro" => '!',
        "function" | "constant" | "static" => '=',
        _ => ':',
    }
}

/// See the module's text.
pub(crate) struct Docs {
    json: Value,
    /// The crate's own name.
    pub(crate) name: String,
    /// The public items by namespace and path.
    pub(crate) items: BTreeMap<(char, String), u64>,
    /// The shortest public path of each.
    paths: HashMap<u64, String>,
}

impl Docs {
    pub(crate) fn read(file: &str) -> Result<Docs, String> {
        let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        let json: Value =
            serde_json::from_slice(&bytes).map_err(|error| format!("{file}: {error}"))?;
        let root = json["root"].as_u64().ok_or_else(|| format!("{file}: no root"))?;
        let mut docs =
            Docs { json, name: String::new(), items: BTreeMap::new(), paths: HashMap::new() };
        docs.name = docs.item(root).map_or("", |root| text(&root["name"])).to_owned();
        let mut found = Vec::new();
        docs.walk(root, "", &mut Vec::new(), &mut found);
        for (space, path, id) in found {
            let shorter = |old: &String| (path.len(), &path) < (old.len(), old);
            if docs.paths.get(&id).is_none_or(shorter) {
                docs.paths.insert(id, path.clone());
            }
            docs.items.entry((space, path)).or_insert(id);
        }
        Ok(docs)
    }

    /// An item of this crate.
    pub(crate) fn item(&self, id: u64) -> Option<&Value> {
        self.json["index"].get(id.to_string())
    }

    /// What a type or trait is called, the same in every crate: by its public path here, or by where its
    /// own crate defines it. `None`: it is of this crate, and nobody can name it.
    pub(crate) fn path_of(&self, id: u64) -> Option<String> {
        if let Some(path) = self.paths.get(&id) {
            return Some(path.clone());
        }
        let summary = self.json["paths"].get(id.to_string())?;
        if summary["crate_id"] == 0 {
            return None;
        }
        let path: Vec<&str> = list(&summary["path"]).iter().map(text).collect();
        Some(match path.split_first() {
            Some((&("core" | "alloc"), rest)) => format!("std::{}", rest.join("::")),
            _ => path.join("::"),
        })
    }

    /// Is this public path, or one above it, another crate's?
    pub(crate) fn is_foreign(&self, path: &str) -> bool {
        match self.items.get(&(':', path.to_owned())) {
            Some(&id) => self.item(id).is_none(),
            None => path.rsplit_once("::").is_some_and(|(above, _)| self.is_foreign(above)),
        }
    }

    fn walk(
        &self,
        module: u64,
        path: &str,
        above: &mut Vec<u64>,
        found: &mut Vec<(char, String, u64)>,
    ) {
        let Some(item) = self.item(module) else { return };
        if above.contains(&module) {
            return; // it re-exports itself
        }
        above.push(module);
        for child in list(&inner(item)["items"]).iter().filter_map(Value::as_u64) {
            self.visit(child, path, above, found);
        }
        above.pop();
    }

    fn visit(
        &self,
        id: u64,
        path: &str,
        above: &mut Vec<u64>,
        found: &mut Vec<(char, String, u64)>,
    ) {
        let Some(item) = self.item(id) else { return };
        if !is_public(item) || is_hidden(item) {
            return;
        }
        match kind(item) {
            "use" => {
                let import = inner(item);
                let Some(target) = import["id"].as_u64() else { return };
                let glob = import["is_glob"] == true;
                if glob {
                    self.walk(target, path, above, found);
                } else {
                    self.add(target, text(&import["name"]), path, above, found);
                }
            }
            "impl" | "extern_crate" | "" => {}
            _ => self.add(id, text(&item["name"]), path, above, found),
        }
    }

    fn add(
        &self,
        id: u64,
        name: &str,
        path: &str,
        above: &mut Vec<u64>,
        found: &mut Vec<(char, String, u64)>,
    ) {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") };
        let Some(item) = self.item(id) else {
            // Another crate's.
            let kind = text(&self.json["paths"][id.to_string()]["kind"]);
            found.push((namespace(kind), path, id));
            return;
        };
        if kind(item) == "use" {
            // A `use` of a `use`.
            if let Some(target) = inner(item)["id"].as_u64() {
                let (_, name) = path.rsplit_once("::").unwrap_or(("", &path));
                let module = path.strip_suffix(name).unwrap_or("").trim_end_matches("::");
                self.add(target, name, module, above, found);
            }
            return;
        }
        if is_hidden(item) {
            return;
        }
        found.push((namespace(kind(item)), path.clone(), id));
        if kind(item) == "module" {
            self.walk(id, &path, above, found);
        }
    }
}
