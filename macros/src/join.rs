//! What `join!` and `try_join!` expand to.
//!
//! The input is `($crate) [biased;] (FUTURE)*`. Each future is kept in place as a `MaybeDone`, which holds
//! first the future and then its output; the joined future is done when all of them are. `join!` answers
//! the outputs; `try_join!` answers the first `Err` as soon as it sees one.
//!
//! The expressions run in order, each followed by its `IntoFuture`. As in `select!`, they are pinned
//! backwards so that they are dropped forwards.

use proc_macro2::{Group, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Ident, Result, Token};

use crate::select::{split_tree, tree};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Join,
    TryJoin,
}

struct Join {
    /// `$crate` of gmp.
    krate: TokenStream,
    biased: bool,
    futures: Vec<TokenStream>,
}

impl Parse for Join {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let krate = input.parse::<Group>()?.stream();
        let biased = input.peek(Ident);
        if biased {
            input.parse::<Ident>()?;
            input.parse::<Token![;]>()?;
        }
        let mut futures = Vec::new();
        while !input.is_empty() {
            futures.push(input.parse::<Group>()?.stream());
        }
        Ok(Join { krate, biased, futures })
    }
}

pub(crate) fn expand(input: TokenStream, kind: Kind) -> TokenStream {
    match syn::parse2::<Join>(input) {
        Ok(join) => join.expand(kind),
        Err(error) => error.to_compile_error(),
    }
}

impl Join {
    fn expand(self, kind: Kind) -> TokenStream {
        let span = Span::mixed_site();
        let Join { krate, biased, futures: expressions } = self;
        let count = expressions.len();
        if count == 0 {
            return match kind {
                Kind::Join => quote_spanned!(span=> { ::core::future::ready(()).await }),
                Kind::TryJoin => quote_spanned! {span=> {
                    ::core::future::ready(::core::result::Result::Ok(())).await
                }},
            };
        }
        let futures: Vec<Ident> =
            (0..count).map(|i| format_ident!("future{}", i, span = span)).collect();
        let maybe_done = expressions.iter().map(|expression| {
            // "Not a future" is said of the expression.
            let here = span.located_at(crate::first_span(expression));
            quote_spanned!(here=> #krate::macros_support::maybe_done(#expression))
        });
        // join! pins each future; try_join!, whose outputs are larger, has one pin for all as in `select!`.
        // Either way the whole is as large as tokio's.
        let mut split = TokenStream::new();
        let pins = match kind {
            Kind::Join => {
                let backwards = futures.iter().rev();
                quote_spanned!(span=> #(let mut #backwards = ::core::pin::pin!(#backwards);)*)
            }
            Kind::TryJoin => {
                let tree = tree(&krate, &futures);
                split_tree(&quote_spanned!(span=> all.as_mut()), &futures, &mut split);
                quote_spanned!(span=> let mut all = ::core::pin::pin!(#tree);)
            }
        };
        let total = count as u32;
        let ring = if biased {
            quote_spanned!(span=> 0..#total)
        } else {
            quote_spanned!(span=> rotator.ring(#total))
        };
        let arms = futures.iter().enumerate().map(|(i, future)| {
            let index = i as u32;
            let on_ready = match kind {
                Kind::Join => TokenStream::new(),
                Kind::TryJoin => quote_spanned! {span=>
                    if let ::core::option::Option::Some(error) = #future.as_mut().take_error() {
                        return ::core::task::Poll::Ready(::core::result::Result::Err(error));
                    }
                },
            };
            quote_spanned! {span=>
                #index => {
                    if ::core::future::Future::poll(#future.as_mut(), cx).is_pending() {
                        pending = true;
                        continue;
                    }
                    #on_ready
                }
            }
        });
        let outputs = match kind {
            Kind::Join => quote_spanned!(span=> (#(#futures.as_mut().take_output(),)*)),
            Kind::TryJoin => quote_spanned! {span=>
                ::core::result::Result::Ok((#(#futures.as_mut().take_ok(),)*))
            },
        };
        quote_spanned! {span=> {
            let (#(#futures,)*) = (#(#maybe_done,)*);
            #pins
            #[allow(unused_mut, unused_variables)]
            let mut rotator = #krate::macros_support::Rotator::new();
            ::core::future::poll_fn(move |cx| {
                #split
                let mut pending = false;
                for branch in #ring {
                    match branch {
                        #(#arms)*
                        _ => ::core::unreachable!(),
                    }
                }
                if pending {
                    ::core::task::Poll::Pending
                } else {
                    ::core::task::Poll::Ready(#outputs)
                }
            })
            .await
        }}
    }
}
