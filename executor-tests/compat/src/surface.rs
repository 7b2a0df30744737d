//! What a crate offers, as a table from names to signatures: items, their members, and trait impls.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::docs::{inner, is_hidden, is_public, kind, list, text, Docs};
use crate::signature::{is_type, join, Writer};

/// Auto traits: promised by what a type is made of.
const AUTO: [&str; 5] = ["Send", "Sync", "Unpin", "UnwindSafe", "RefUnwindSafe"];
/// Traits that are no promise to users.
const SILENT: [&str; 6] =
    ["StructuralPartialEq", "Freeze", "UnsafeUnpin", "TrivialClone", "Drop", "UseCloned"];

/// Names and signatures.
pub(crate) struct Surface {
    pub(crate) items: BTreeMap<String, String>,
    /// By "trait for type"; with the module of the type or, for a type of std's, of the trait.
    pub(crate) impls: BTreeMap<String, Impl>,
}

/// One impl of a trait.
#[derive(Clone)]
pub(crate) struct Impl {
    pub(crate) module: String,
    pub(crate) signature: String,
    pub(crate) is_auto: bool,
}

impl Surface {
    pub(crate) fn of(docs: &Docs) -> Surface {
        let mut surface = Surface { items: BTreeMap::new(), impls: BTreeMap::new() };
        for ((space, path), &id) in &docs.items {
            let name = if *space == '!' { format!("{path}!") } else { path.clone() };
            match docs.item(id) {
                Some(item) => surface.add(docs, &name, item),
                None => {
                    let of = docs.path_of(id).unwrap_or_default();
                    surface.items.insert(name, format!("use {of}"));
                }
            }
        }
        surface
    }

    fn add(&mut self, docs: &Docs, path: &str, item: &Value) {
        let writer = Writer::new(docs);
        let what = inner(item);
        let signature = match kind(item) {
            "function" => writer.function(item, &[]),
            "constant" => format!("const {}", writer.ty(&what["type"])),
            "static" => format!("static {}", writer.ty(&what["type"])),
            "type_alias" => format!("type {}", writer.ty(&what["type"])),
            "proc_macro" => format!("proc_macro {}", text(&what["kind"])),
            form @ ("struct" | "enum" | "union" | "trait") => {
                let params = list(&what["generics"]["params"]).iter().filter(|p| is_type(p));
                let params =
                    params.map(|p| writer.ty(&serde_json::json!({ "generic": p["name"] })));
                let params = join(params, ", ");
                let closed = list(&item["attrs"])
                    .iter()
                    .any(|attr| attr.to_string().contains("non_exhaustive"));
                let closed = if closed { "#[non_exhaustive] " } else { "" };
                format!("{closed}{form}<{params}>{}", writer.bounds_of(&[&what["generics"]]))
            }
            other => other.to_owned(),
        };
        self.items.insert(path.to_owned(), signature);
        match kind(item) {
            "struct" | "union" => {
                let fields = match what["kind"]["plain"]["fields"].as_array() {
                    Some(fields) => fields,
                    None => list(&what["kind"]["tuple"]),
                };
                self.add_members(docs, path, fields, &[]);
                self.add_impls(docs, path, what);
            }
            "enum" => {
                self.add_members(docs, path, list(&what["variants"]), &[]);
                self.add_impls(docs, path, what);
            }
            "trait" => {
                self.add_members(docs, path, list(&what["items"]), &[&what["generics"]]);
                for of in list(&what["implementations"]).iter().filter_map(Value::as_u64) {
                    self.add_impl(docs, path, of);
                }
            }
            _ => {}
        }
    }

    fn add_members(&mut self, docs: &Docs, path: &str, ids: &[Value], outer: &[&Value]) {
        for item in ids.iter().filter_map(|id| docs.item(id.as_u64()?)) {
            let writer = Writer::new(docs);
            self.add_member(docs, path, item, &writer, outer);
        }
    }

    fn add_member(
        &mut self,
        docs: &Docs,
        path: &str,
        item: &Value,
        writer: &Writer<'_>,
        outer: &[&Value],
    ) {
        if !is_public(item) || is_hidden(item) {
            return;
        }
        let what = inner(item);
        let signature = match kind(item) {
            "function" => {
                let provided = what["has_body"] == true;
                let provided = if provided { "" } else { "required " };
                format!("{provided}{}", writer.function(item, outer))
            }
            "struct_field" => writer.ty(what),
            "assoc_const" => format!("const {}", writer.ty(&what["type"])),
            "assoc_type" => format!("type{}", writer.bounds_of(&[&what["generics"]])),
            "variant" => {
                let fields = match what["kind"].get("tuple") {
                    Some(fields) => list(fields),
                    None => list(&what["kind"]["struct"]["fields"]),
                };
                let fields = fields.iter().filter_map(|id| docs.item(id.as_u64()?));
                format!("variant({})", join(fields.map(|field| writer.ty(inner(field))), ", "))
            }
            _ => return,
        };
        let path = format!("{path}::{}", text(&item["name"]));
        self.items.entry(path).or_insert(signature);
    }

    fn add_impls(&mut self, docs: &Docs, path: &str, what: &Value) {
        for id in list(&what["impls"]).iter().filter_map(Value::as_u64) {
            let Some(item) = docs.item(id) else { continue };
            let of = inner(item);
            if of["trait"].is_null() {
                for member in list(&of["items"]).iter().filter_map(|id| docs.item(id.as_u64()?)) {
                    let mut writer = Writer::new(docs);
                    writer.set_self(&of["for"]);
                    self.add_member(docs, path, member, &writer, &[&of["generics"]]);
                }
            } else {
                self.add_impl(docs, path, id);
            }
        }
    }

    fn add_impl(&mut self, docs: &Docs, path: &str, id: u64) {
        let Some(item) = docs.item(id) else { return };
        let of = inner(item);
        let name = text(&of["trait"]["path"]).rsplit("::").next().unwrap_or("");
        if !of["blanket_impl"].is_null() || of["is_negative"] == true || SILENT.contains(&name) {
            return;
        }
        let of_trait = of["trait"]["id"].as_u64().unwrap_or(u64::MAX);
        if docs.path_of(of_trait).is_none() {
            return; // a trait that nobody can name
        }
        let mut writer = Writer::new(docs);
        writer.set_self(&of["for"]);
        let whole = writer.ty(&of["for"]);
        let is_auto = AUTO.contains(&name);
        let module = path.rsplit_once("::").map_or("", |(module, _)| module).to_owned();
        if is_auto && of["is_synthetic"] == false && name == "Unpin" {
            // pin-project's way to ask the fields, by a type that nobody can name. `auto_traits.rs` of the
            // tests knows more.
            writer.bounds_of(&[&of["generics"]]);
            if writer.wrote_private() {
                return;
            }
        }
        let (key, signature) = if is_auto {
            let of_type = whole.split('<').next().unwrap_or("").to_owned();
            (format!("{name} for {of_type}"), auto_conditions(&writer, &of["generics"], name))
        } else {
            let written = writer.resolved(&of["trait"]);
            let written =
                if name == "Future" { "std::future::future::Future".to_owned() } else { written };
            let types = list(&of["items"])
                .iter()
                .filter_map(|id| docs.item(id.as_u64()?))
                .filter(|item| kind(item) == "assoc_type")
                .map(|item| {
                    format!("{} = {}; ", text(&item["name"]), writer.ty(&inner(item)["type"]))
                });
            let types = join(types, "");
            let key = format!("{written} for {whole}");
            if writer.wrote_private() {
                return;
            }
            (key, types + &writer.bounds_of(&[&of["generics"]]))
        };
        self.impls.entry(key).or_insert(Impl { module, signature, is_auto });
    }
}

/// Of an auto trait's conditions, what it says about thread safety: the rest follows from private fields.
fn auto_conditions(writer: &Writer<'_>, generics: &Value, name: &str) -> String {
    if !matches!(name, "Send" | "Sync") {
        return String::new();
    }
    let bounds = writer.bounds_of(&[generics]);
    let parts = bounds.trim_start_matches(" where ").split(", ").filter_map(|part| {
        let (who, bounds) = part.split_once(": ")?;
        if !who.starts_with('T') {
            return None;
        }
        let kept: Vec<&str> = bounds
            .split('+')
            .filter(|bound| bound.ends_with("::Send") || bound.ends_with("::Sync"))
            .collect();
        (!kept.is_empty()).then(|| format!("{who}: {}", kept.join("+")))
    });
    join(parts, ", ")
}
