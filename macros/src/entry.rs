//! Step 3 and 4: the function that is put in place of the one under the attribute.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Result, ReturnType, Type};

use crate::config::{Config, Flavor, Macro, UnhandledPanic};
use crate::item::Item;

pub(crate) fn expand(args: TokenStream, tokens: TokenStream, makro: Macro) -> TokenStream {
    let item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => item,
        // Not a function, or not one yet: whatever it is stays.
        Err(error) => return with_error(tokens, &error),
    };
    let config = check(&item, makro).and_then(|()| Config::parse(args, makro));
    match config {
        Ok(config) if makro.is_test => test(item, &config),
        Ok(config) => main(item, &config),
        Err(error) => with_error(without_runtime(item, makro), &error),
    }
}

/// The attribute in a build without a runtime.
pub(crate) fn fail(tokens: TokenStream, makro: Macro) -> TokenStream {
    let text = format!("The #[{}] macro requires rt or rt-multi-thread.", makro.path());
    let error = Error::new(Span::call_site(), text);
    match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => with_error(without_runtime(item, makro), &error),
        Err(_) => with_error(tokens, &error),
    }
}

fn with_error(mut tokens: TokenStream, error: &Error) -> TokenStream {
    tokens.extend(error.to_compile_error());
    tokens
}

fn check(item: &Item, makro: Macro) -> Result<()> {
    if makro.is_test {
        if let Some(second) = item.test_attribute() {
            let text = "second test attribute is supplied, \
                        consider removing or changing the order of your test attributes";
            return Err(Error::new_spanned(second, text));
        }
    }
    if item.sig.asyncness.is_none() {
        let text = "the `async` keyword is missing from the function declaration";
        return Err(Error::new_spanned(item.sig.fn_token, text));
    }
    if !makro.is_test && item.is_main_with_arguments() {
        let text = "the main function cannot accept arguments";
        return Err(Error::new_spanned(&item.sig.inputs, text));
    }
    Ok(())
}

/// The body becomes the main G if its future allows it.
///
/// The choice is made by the compiler, when it looks up the method `run` of `MainFuture` (see
/// `gmp::macros_support`). For that it has to know whether the future is `Send` while it checks *this*
/// function, and of an `async` block it knows that only afterwards. Hence a function of its own for
/// the body. Method look-up also sees no lifetimes, hence `stands_alone`.
fn main(mut item: Item, config: &Config) -> TokenStream {
    if config.flavor != Flavor::MultiThread || !item.stands_alone() || !config.support {
        let body = typed_block(&item);
        let bind = quote_spanned!(Span::mixed_site()=> let body = #body;);
        return block_on(item, config, bind);
    }
    item.sig.asyncness = None;
    let block = item.block(item.body.clone());
    let Item { attrs, vis, sig, inner_attrs, .. } = &item;
    let output = &sig.output;
    let krate = &config.krate;
    let build = build(config);
    let root = format_ident!("__gmp_main", span = Span::mixed_site());
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #vis #sig {
            #(#inner_attrs)*
            #[allow(clippy::unused_async)]
            async fn #root() #output #block
            #[allow(unused_imports)]
            use #krate::macros_support::{RunAsG as _, RunOnThread as _};
            #[allow(
                unreachable_code,
                clippy::diverging_sub_expression,
                clippy::expect_used,
                clippy::needless_return
            )]
            {
                let runtime = #build;
                let future = #krate::macros_support::MainFuture::new(#root());
                return (&future).run(&runtime);
            }
        }
    }
}

/// The body is pinned on the stack and its type erased: hundreds of tests need one `block_on` only.
fn test(mut item: Item, config: &Config) -> TokenStream {
    item.attrs.insert(0, syn::parse_quote!(#[::core::prelude::v1::test]));
    let body = typed_block(&item);
    let bind = match output_type(&item) {
        Output::Unnameable => quote_spanned!(Span::mixed_site()=> let body = #body;),
        Output::Named(output) => quote_spanned! {Span::mixed_site()=>
            let body = #body;
            let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> =
                ::core::pin::pin!(body);
        },
    };
    block_on(item, config, bind)
}

/// `bind` makes the variable `body`.
fn block_on(mut item: Item, config: &Config, bind: TokenStream) -> TokenStream {
    item.sig.asyncness = None;
    let Item { attrs, vis, sig, inner_attrs, .. } = &item;
    let build = build(config);
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #vis #sig {
            #(#inner_attrs)*
            #bind
            #[allow(
                unreachable_code,
                clippy::diverging_sub_expression,
                clippy::expect_used,
                clippy::needless_return
            )]
            {
                return #build.block_on(body);
            }
        }
    }
}

fn build(config: &Config) -> TokenStream {
    let krate = &config.krate;
    let new = match config.flavor {
        Flavor::MultiThread => quote!(new_multi_thread()),
        Flavor::CurrentThread | Flavor::Local => quote!(new_current_thread()),
    };
    let mut builder = quote!(#krate::runtime::Builder::#new);
    if let Some(count) = config.worker_threads {
        builder.extend(quote!(.worker_threads(#count)));
    }
    if let Some(on) = config.start_paused {
        builder.extend(quote!(.start_paused(#on)));
    }
    if let Some((reaction, span)) = config.unhandled_panic {
        let reaction = match reaction {
            UnhandledPanic::Ignore => quote_spanned!(span=> Ignore),
            UnhandledPanic::ShutdownRuntime => quote_spanned!(span=> ShutdownRuntime),
        };
        builder.extend(quote_spanned! {span=>
            .unhandled_panic(#krate::runtime::UnhandledPanic::#reaction)
        });
    }
    if let Some(name) = &config.name {
        builder.extend(quote!(.name(#name)));
    }
    let build = match config.flavor {
        Flavor::Local => quote!(build_local(::core::default::Default::default())),
        Flavor::CurrentThread | Flavor::MultiThread => quote!(build()),
    };
    quote!(#builder.enable_all().#build.expect("Failed building the Runtime"))
}

/// Step 4: same signature, same body, no runtime. The body is checked like any other, never run.
fn without_runtime(mut item: Item, makro: Macro) -> TokenStream {
    if makro.is_test && item.test_attribute().is_none() {
        item.attrs.insert(0, syn::parse_quote!(#[::core::prelude::v1::test]));
    }
    let span = Span::mixed_site();
    if !makro.is_test && item.is_main_with_arguments() {
        // rustc accepts no arguments either: they move in with the body.
        let block = item.block(item.body.clone());
        let Item { attrs, vis, sig, inner_attrs, .. } = &item;
        let mut outer = sig.clone();
        outer.asyncness = None;
        outer.inputs.clear();
        return quote_spanned! {span=>
            #(#attrs)*
            #vis #outer {
                #(#inner_attrs)*
                #[allow(dead_code)]
                #sig #block
                ::core::unreachable!()
            }
        };
    }
    if item.sig.asyncness.take().is_none() {
        return quote!(#item);
    }
    let block = typed_block(&item);
    let Item { attrs, vis, sig, inner_attrs, .. } = &item;
    quote_spanned! {span=>
        #(#attrs)*
        #vis #sig {
            #(#inner_attrs)*
            fn output<F: ::core::future::Future>(_: F) -> F::Output {
                ::core::unreachable!()
            }
            #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::needless_return)]
            {
                return output(#block);
            }
        }
    }
}

enum Output {
    /// A type that may stand in a `let`.
    Named(TokenStream),
    /// `!`, or `impl Trait` somewhere inside.
    Unnameable,
}

fn output_type(item: &Item) -> Output {
    fn has_impl(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => ident == "impl",
            proc_macro2::TokenTree::Group(group) => has_impl(group.stream()),
            _ => false,
        })
    }
    match &item.sig.output {
        ReturnType::Default => Output::Named(quote!(())),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Never(_) => Output::Unnameable,
            ty if has_impl(quote!(#ty)) => Output::Unnameable,
            ty => Output::Named(quote!(#ty)),
        },
    }
}

/// The body as an `async` block that knows its output type as well as the `async fn` did: a `return` that
/// never runs comes first, and all others coerce to its type.
fn typed_block(item: &Item) -> TokenStream {
    let body = &item.body;
    let span = Span::mixed_site();
    let typed = match output_type(item) {
        Output::Unnameable => TokenStream::new(),
        Output::Named(output) => {
            let here = span.located_at(item.sig.output.span());
            quote_spanned! {here=>
                #[allow(unreachable_code, clippy::all, clippy::pedantic)]
                if false {
                    let output: #output = loop {};
                    return output;
                }
            }
        }
    };
    let block = item.block(quote! { #typed #body });
    quote_spanned!(span=> async #block)
}
