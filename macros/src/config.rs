//! Step 2: the arguments of the attributes. The first mistake ends the reading.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, Meta, MetaNameValue, Path, Result, Token};

const NAMES: &str =
    "`flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`";

/// Whose attribute it is: the package that re-exports it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    Gmp,
    /// The facade.
    Tokio,
}

impl Home {
    pub(crate) fn package(self) -> &'static str {
        match self {
            Home::Gmp => "gmp",
            Home::Tokio => "tokio",
        }
    }
}

/// Which attribute was written, and what gmp's features allow.
#[derive(Clone, Copy)]
pub(crate) struct Macro {
    pub(crate) home: Home,
    pub(crate) is_test: bool,
    /// gmp has the feature `rt-multi-thread`.
    pub(crate) multi_thread: bool,
}

impl Macro {
    pub(crate) fn path(self) -> &'static str {
        match (self.home, self.is_test) {
            (Home::Gmp, false) => "gmp::main",
            (Home::Gmp, true) => "gmp::test",
            (Home::Tokio, false) => "tokio::main",
            (Home::Tokio, true) => "tokio::test",
        }
    }

    fn default_flavor(self) -> Flavor {
        if self.is_test {
            Flavor::CurrentThread
        } else {
            Flavor::MultiThread
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    CurrentThread,
    MultiThread,
    Local,
}

#[derive(Clone, Copy)]
pub(crate) enum UnhandledPanic {
    Ignore,
    ShutdownRuntime,
}

/// The arguments after all checks: what `entry` writes down.
pub(crate) struct Config {
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: Option<bool>,
    /// With the span of the argument: it is where "no such method" belongs if the builder has none.
    pub(crate) unhandled_panic: Option<(UnhandledPanic, Span)>,
    pub(crate) name: Option<String>,
    /// The path to gmp.
    pub(crate) krate: TokenStream,
    /// What is at that path has more than tokio promises: `macros_support`.
    pub(crate) support: bool,
}

/// The arguments as they were written. The spans are those of the values.
#[derive(Default)]
struct Arguments {
    flavor: Option<(Flavor, Span)>,
    worker_threads: Option<(usize, Span)>,
    start_paused: Option<(bool, Span)>,
    unhandled_panic: Option<(UnhandledPanic, Span)>,
    name: Option<(String, Span)>,
    krate: Option<(Path, Span)>,
}

impl Config {
    pub(crate) fn parse(tokens: TokenStream, makro: Macro) -> Result<Config> {
        let metas = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)?;
        let mut args = Arguments::default();
        for meta in metas {
            match meta {
                Meta::NameValue(pair) => args.pair(&pair)?,
                Meta::Path(path) => return Err(bare_word(&path, makro)?),
                other => {
                    return Err(Error::new_spanned(other, "Unknown attribute inside the macro"))
                }
            }
        }
        args.check(makro)
    }
}

impl Arguments {
    fn pair(&mut self, pair: &MetaNameValue) -> Result<()> {
        let name = argument_name(&pair.path)?;
        let value = &pair.value;
        let span = value.span();
        match name.as_str() {
            "flavor" => {
                let text = string(literal(value)?, &name)?;
                set(&mut self.flavor, flavor(&text, span)?, &name, span)
            }
            "worker_threads" => {
                let count = integer(literal(value)?, &name)?;
                if count == 0 {
                    return Err(Error::new(span, "`worker_threads` may not be 0."));
                }
                set(&mut self.worker_threads, count, &name, span)
            }
            "start_paused" => {
                let on = boolean(literal(value)?, &name)?;
                set(&mut self.start_paused, on, &name, span)
            }
            "name" => set(&mut self.name, string(literal(value)?, &name)?, &name, span),
            "crate" => set(&mut self.krate, path(value, &name)?, &name, span),
            "unhandled_panic" => {
                let text = string(literal(value)?, &name)?;
                set(&mut self.unhandled_panic, unhandled_panic(&text, span)?, &name, span)
            }
            "core_threads" => {
                let text = "Attribute `core_threads` is renamed to `worker_threads`";
                Err(Error::new_spanned(pair, text))
            }
            _ => Err(unknown(&pair.path, &name)),
        }
    }

    /// What the arguments mean together.
    fn check(self, makro: Macro) -> Result<Config> {
        let flavor = self.flavor.map_or(makro.default_flavor(), |(flavor, _)| flavor);
        let requires = |option: &str, needed: &str, span: Span| {
            let path = makro.path();
            Error::new(
                span,
                format!(
                    "The `{option}` option requires the `{needed}` runtime flavor. \
                     Use `#[{path}(flavor = \"{needed}\")]`"
                ),
            )
        };
        match (flavor, self.worker_threads) {
            (Flavor::MultiThread, _) => {}
            (_, Some((_, span))) => return Err(requires("worker_threads", "multi_thread", span)),
            (_, None) => {}
        }
        if flavor == Flavor::MultiThread {
            if let Some((_, span)) = self.start_paused {
                return Err(requires("start_paused", "current_thread", span));
            }
            if let Some((_, span)) = self.unhandled_panic {
                return Err(requires("unhandled_panic", "current_thread", span));
            }
            if !makro.multi_thread {
                return Err(match self.flavor {
                    Some((_, span)) => Error::new(
                        span,
                        "The runtime flavor `multi_thread` requires the `rt-multi-thread` feature.",
                    ),
                    None => Error::new(
                        Span::call_site(),
                        "The default runtime flavor is `multi_thread`, but the `rt-multi-thread` \
                         feature is disabled.",
                    ),
                });
            }
        }
        Ok(Config {
            flavor,
            worker_threads: self.worker_threads.map(|(count, _)| count),
            start_paused: self.start_paused.map(|(on, _)| on),
            unhandled_panic: self.unhandled_panic,
            name: self.name.map(|(name, _)| name),
            // A path of the user's own may lead to a module that re-exports tokio's `runtime` only.
            support: makro.home == Home::Gmp || self.krate.is_none(),
            krate: self
                .krate
                .map_or_else(|| crate::place::of(makro.home.package()), |(path, _)| quote!(#path)),
        })
    }
}

fn set<T>(slot: &mut Option<(T, Span)>, value: T, name: &str, span: Span) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(span, format!("`{name}` set multiple times.")));
    }
    *slot = Some((value, span));
    Ok(())
}

fn argument_name(path: &Path) -> Result<String> {
    match path.get_ident() {
        Some(ident) => Ok(ident.to_string()),
        None => Err(Error::new_spanned(path, "Must have specified ident")),
    }
}

fn unknown(path: &Path, name: &str) -> Error {
    let text = format!("Unknown attribute {name} is specified; expected one of: {NAMES}.");
    Error::new_spanned(path, text)
}

/// What to say about an argument without a value.
fn bare_word(path: &Path, makro: Macro) -> Result<Error> {
    let name = argument_name(path)?;
    let flavor = match name.as_str() {
        "multi_thread" | "threaded_scheduler" => "multi_thread",
        "current_thread" | "basic_scheduler" | "single_threaded" | "single_thread" => {
            "current_thread"
        }
        "local" => "local",
        "flavor" | "worker_threads" | "start_paused" | "crate" | "unhandled_panic" | "name" => {
            let text = format!("The `{name}` attribute requires an argument.");
            return Ok(Error::new_spanned(path, text));
        }
        _ => return Ok(unknown(path, &name)),
    };
    let makro = makro.path();
    let text = format!("Set the runtime flavor with #[{makro}(flavor = \"{flavor}\")].");
    Ok(Error::new_spanned(path, text))
}

fn flavor(text: &str, span: Span) -> Result<Flavor> {
    Err(Error::new(
        span,
        match text {
            "current_thread" => return Ok(Flavor::CurrentThread),
            "multi_thread" => return Ok(Flavor::MultiThread),
            "local" => return Ok(Flavor::Local),
            "single_thread" => {
                "The single threaded runtime flavor is called `current_thread`.".into()
            }
            "basic_scheduler" => {
                "The `basic_scheduler` runtime flavor has been renamed to `current_thread`.".into()
            }
            "threaded_scheduler" => {
                "The `threaded_scheduler` runtime flavor has been renamed to `multi_thread`.".into()
            }
            _ => format!(
                "No such runtime flavor `{text}`. \
                 The runtime flavors are `current_thread`, `local`, and `multi_thread`."
            ),
        },
    ))
}

fn unhandled_panic(text: &str, span: Span) -> Result<UnhandledPanic> {
    match text {
        "ignore" => Ok(UnhandledPanic::Ignore),
        "shutdown_runtime" => Ok(UnhandledPanic::ShutdownRuntime),
        _ => Err(Error::new(
            span,
            format!(
                "No such unhandled panic behavior `{text}`. \
                 The unhandled panic behaviors are `ignore` and `shutdown_runtime`."
            ),
        )),
    }
}

fn literal(value: &Expr) -> Result<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Ok(lit),
        // A value that came through a `macro_rules!` variable.
        Expr::Group(group) => literal(&group.expr),
        other => Err(Error::new_spanned(other, "Must be a literal")),
    }
}

fn wrong_kind(lit: &Lit, name: &str, kind: &str) -> Error {
    Error::new_spanned(lit, format!("Failed to parse value of `{name}` as {kind}."))
}

fn string(lit: &Lit, name: &str) -> Result<String> {
    match lit {
        Lit::Str(text) => Ok(text.value()),
        Lit::Verbatim(text) => Ok(text.to_string()),
        other => Err(wrong_kind(other, name, "string")),
    }
}

fn integer(lit: &Lit, name: &str) -> Result<usize> {
    match lit {
        Lit::Int(number) => number.base10_parse().map_err(|error| {
            let text = format!("Failed to parse value of `{name}` as integer: {error}");
            Error::new_spanned(number, text)
        }),
        other => Err(wrong_kind(other, name, "integer")),
    }
}

fn boolean(lit: &Lit, name: &str) -> Result<bool> {
    match lit {
        Lit::Bool(on) => Ok(on.value),
        other => Err(wrong_kind(other, name, "bool")),
    }
}

/// `crate = path` or `crate = "path"`.
fn path(value: &Expr, name: &str) -> Result<Path> {
    if let Expr::Path(path) = value {
        if path.qself.is_none() && path.attrs.is_empty() {
            return Ok(path.path.clone());
        }
    }
    match literal(value)? {
        Lit::Str(text) => text.parse_with(Path::parse_mod_style).map_err(|_| {
            let message =
                format!("Failed to parse value of `{name}` as path: \"{}\"", text.value());
            Error::new_spanned(text, message)
        }),
        other => Err(wrong_kind(other, name, "path")),
    }
}
