//! Types, bounds and functions as text that is the same for the same thing in two crates.
//!
//! - Names are public paths, or where std defines it. Aliases are resolved.
//! - Lifetimes and the names of arguments are left out; type parameters are numbered as they come.
//! - Bounds are gathered from all places, sorted, and come last.
//! - `async fn`, `impl Future` and a future that nobody can name are all `future<Output>`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::docs::{inner, is_track_caller, kind, list, text, Docs};

/// Writes what belongs to one signature: the numbers of the type parameters are those of its first uses.
pub(crate) struct Writer<'a> {
    docs: &'a Docs,
    /// What `Self` is, where that is known.
    self_is: Option<String>,
    names: RefCell<Vec<String>>,
    /// Parameters that stand for something else: those of an alias.
    given: HashMap<String, String>,
    /// Something was written that nobody can name.
    private: Cell<bool>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(docs: &'a Docs) -> Writer<'a> {
        Writer {
            docs,
            self_is: None,
            names: RefCell::default(),
            given: HashMap::new(),
            private: Cell::new(false),
        }
    }

    /// From here on `Self` is this type.
    pub(crate) fn set_self(&mut self, ty: &Value) {
        self.self_is = Some(self.ty(ty));
    }

    fn parameter(&self, name: &str) -> String {
        if let Some(given) = self.given.get(name) {
            return given.clone();
        }
        if name == "Self" {
            return self.self_is.clone().unwrap_or_else(|| "Self".to_owned());
        }
        let mut names = self.names.borrow_mut();
        let number = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        format!("T{number}")
    }

    pub(crate) fn ty(&self, ty: &Value) -> String {
        let Some((form, ty)) = ty.as_object().and_then(|ty| ty.iter().next()) else {
            return "_".to_owned();
        };
        match form.as_str() {
            "resolved_path" => self.resolved(ty),
            "generic" => self.parameter(text(ty)),
            "primitive" => text(ty).to_owned(),
            "tuple" => format!("({})", self.types(list(ty))),
            "slice" => format!("[{}]", self.ty(ty)),
            "array" => format!("[{}; {}]", self.ty(&ty["type"]), text(&ty["len"])),
            "borrowed_ref" => {
                let mutable = if ty["is_mutable"] == true { "mut " } else { "" };
                format!("&{mutable}{}", self.ty(&ty["type"]))
            }
            "raw_pointer" => {
                let mutable = if ty["is_mutable"] == true { "mut" } else { "const" };
                format!("*{mutable} {}", self.ty(&ty["type"]))
            }
            "dyn_trait" => {
                let traits: BTreeSet<_> =
                    list(&ty["traits"]).iter().map(|one| self.resolved(&one["trait"])).collect();
                format!("dyn {}", join(traits, "+"))
            }
            "impl_trait" => {
                let bounds = self.bounds(list(ty));
                let future = bounds.iter().find(|bound| bound.starts_with("future<"));
                future.cloned().unwrap_or_else(|| format!("impl {}", join(bounds, "+")))
            }
            "qualified_path" => {
                let name = text(&ty["name"]);
                match ty["trait"].as_object() {
                    Some(_) => {
                        let of = self.resolved(&ty["trait"]);
                        format!("<{} as {of}>::{name}", self.ty(&ty["self_type"]))
                    }
                    None => format!("{}::{name}", self.ty(&ty["self_type"])),
                }
            }
            "function_pointer" => format!("fn{}", self.call(&ty["sig"])),
            other => other.to_owned(),
        }
    }

    fn types(&self, types: &[Value]) -> String {
        join(types.iter().map(|ty| self.ty(ty)), ", ")
    }

    fn call(&self, sig: &Value) -> String {
        let inputs = join(list(&sig["inputs"]).iter().map(|input| self.ty(&input[1])), ", ");
        match &sig["output"] {
            Value::Null => format!("({inputs})"),
            output => format!("({inputs}) -> {}", self.ty(output)),
        }
    }

    /// A path with its arguments: a type or a trait.
    pub(crate) fn resolved(&self, path: &Value) -> String {
        let id = path["id"].as_u64().unwrap_or(u64::MAX);
        let item = self.docs.item(id);
        if let Some(item) = item.filter(|item| kind(item) == "type_alias") {
            return self.alias(inner(item), &path["args"]);
        }
        let args = self.args(&path["args"]);
        let Some(name) = self.docs.path_of(id) else {
            let unnamed = item.and_then(|item| self.future(item, &path["args"]));
            let written = text(&path["path"]).rsplit("::").next().unwrap_or("");
            return unnamed.unwrap_or_else(|| {
                self.private.set(true);
                format!("{written}{args}")
            });
        };
        match name.as_str() {
            // std's alias, under its own name or re-exported.
            "std::io::error::Result" | "io::Result" => {
                let ok = args.trim_start_matches('<');
                let ok = ok.strip_suffix('>').unwrap_or(ok);
                format!("std::result::Result<{ok}, io::Error>")
            }
            "std::future::future::Future" if !args.is_empty() => {
                format!("future{}", args.replacen("Output = ", "", 1))
            }
            // Two places in std for one alias.
            name if name.ends_with("::c_int") => "c_int".to_owned(),
            name => format!("{name}{args}"),
        }
    }

    /// Did it have to write what nobody can name?
    pub(crate) fn wrote_private(&self) -> bool {
        self.private.get()
    }

    fn args(&self, args: &Value) -> String {
        if let Some(call) = args.get("parenthesized") {
            let inputs = self.types(list(&call["inputs"]));
            return match &call["output"] {
                Value::Null => format!("({inputs})"),
                output => format!("({inputs}) -> {}", self.ty(output)),
            };
        }
        let args = &args["angle_bracketed"];
        let mut all = self.arguments(list(&args["args"]));
        for constraint in list(&args["constraints"]) {
            let name = text(&constraint["name"]);
            let binding = &constraint["binding"];
            all.push(match binding.get("equality") {
                Some(term) => format!("{name} = {}", self.ty(&term["type"])),
                None => {
                    let bounds = self.bounds(list(&binding["constraint"]));
                    format!("{name}: {}", join(bounds, "+"))
                }
            });
        }
        if all.is_empty() {
            String::new()
        } else {
            format!("<{}>", all.join(", "))
        }
    }

    /// Types and constants; lifetimes are left out.
    fn arguments(&self, args: &[Value]) -> Vec<String> {
        args.iter()
            .filter_map(|arg| match (arg.get("type"), arg.get("const")) {
                (Some(ty), _) => Some(self.ty(ty)),
                (_, Some(constant)) => Some(text(&constant["expr"]).to_owned()),
                _ => None,
            })
            .collect()
    }

    /// One who writes another item's text, with what its type parameters stand for.
    fn inside(&self, names: Vec<&str>, args: &Value) -> Writer<'a> {
        let args = self.arguments(list(&args["angle_bracketed"]["args"]));
        let given = names.into_iter().map(str::to_owned).zip(args).collect();
        Writer { given, ..Writer::new(self.docs) }
    }

    fn alias(&self, alias: &Value, args: &Value) -> String {
        let params = list(&alias["generics"]["params"]).iter();
        let names = params.filter(|p| is_type(p)).map(|p| text(&p["name"])).collect();
        self.inside(names, args).ty(&alias["type"])
    }

    /// `future<Output>`, if the type implements `Future`.
    fn future(&self, item: &Value, args: &Value) -> Option<String> {
        let of = list(&inner(item)["impls"])
            .iter()
            .filter_map(|id| self.docs.item(id.as_u64()?))
            .map(inner)
            .find(|of| text(&of["trait"]["path"]).rsplit("::").next() == Some("Future"))?;
        let output = list(&of["items"])
            .iter()
            .filter_map(|id| self.docs.item(id.as_u64()?))
            .find(|item| kind(item) == "assoc_type")?;
        let params = list(&of["for"]["resolved_path"]["args"]["angle_bracketed"]["args"]).iter();
        let names = params.filter_map(|arg| arg["type"]["generic"].as_str()).collect();
        Some(format!("future<{}>", self.inside(names, args).ty(&inner(output)["type"])))
    }

    /// Sorted; without lifetimes.
    fn bounds(&self, bounds: &[Value]) -> BTreeSet<String> {
        bounds
            .iter()
            .filter_map(|bound| bound.get("trait_bound"))
            .map(|bound| {
                let maybe = if bound["modifier"] == "maybe" { "?" } else { "" };
                format!("{maybe}{}", self.resolved(&bound["trait"]))
            })
            .collect()
    }

    /// ` where …`, from the generics of an item and of what it is in.
    pub(crate) fn bounds_of(&self, generics: &[&Value]) -> String {
        let mut all: Vec<(String, BTreeSet<String>)> = Vec::new();
        let mut add = |who: String, bounds: BTreeSet<String>| match all
            .iter_mut()
            .find(|(known, _)| *known == who)
        {
            Some((_, known)) => known.extend(bounds),
            None => all.push((who, bounds)),
        };
        for generics in generics {
            for param in list(&generics["params"]) {
                let ty = &param["kind"]["type"];
                if ty.is_object() && ty["is_synthetic"] != true {
                    let bounds = self.bounds(list(&ty["bounds"]));
                    add(self.parameter(text(&param["name"])), bounds);
                }
            }
            for predicate in list(&generics["where_predicates"]) {
                let predicate = &predicate["bound_predicate"];
                if predicate.is_object() {
                    let bounds = self.bounds(list(&predicate["bounds"]));
                    add(self.ty(&predicate["type"]), bounds);
                }
            }
        }
        all.retain(|(_, bounds)| !bounds.is_empty());
        all.sort();
        if all.is_empty() {
            return String::new();
        }
        let all = all.into_iter().map(|(who, bounds)| format!("{who}: {}", join(bounds, "+")));
        format!(" where {}", join(all, ", "))
    }

    /// A function, with the generics of the impl or trait that it is in.
    pub(crate) fn function(&self, item: &Value, outer: &[&Value]) -> String {
        let function = inner(item);
        let header = &function["header"];
        let mut words = String::new();
        if is_track_caller(item) {
            words.push_str("#[track_caller] ");
        }
        for (flag, word) in [("is_const", "const "), ("is_unsafe", "unsafe ")] {
            if header[flag] == true {
                words.push_str(word);
            }
        }
        let mut call = self.call(&function["sig"]);
        if header["is_async"] == true {
            let (inputs, output) =
                call.rsplit_once(") -> ").unwrap_or((&call[..call.len() - 1], "()"));
            call = format!("{inputs}) -> future<{output}>");
        }
        let mut generics = outer.to_vec();
        generics.push(&function["generics"]);
        format!("{words}fn{call}{}", self.bounds_of(&generics))
    }
}

pub(crate) fn is_type(param: &Value) -> bool {
    param["kind"]["type"].is_object() && param["kind"]["type"]["is_synthetic"] != true
}

pub(crate) fn join(parts: impl IntoIterator<Item = String>, between: &str) -> String {
    parts.into_iter().collect::<Vec<_>>().join(between)
}
