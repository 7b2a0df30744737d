//! What `select!` expands to.
//!
//! Reading: `($crate) [biased;] { PAT = FUTURE [, if COND] => HANDLER }* [else => HANDLER]`. Only a handler
//! that is no block has to be parsed as an expression, to find the comma that ends it. Pattern, future
//! and condition end at tokens that cannot occur in them outside of brackets (`=`, `=>`, `, if`), so they
//! are passed on unread: this macro understands all syntax that the compiler does.
//!
//! Writing, for two branches (names shortened):
//!
//! ```text
//! {
//!     enum Output<T0, T1> { Branch0(T0), Branch1(T1), Disabled }
//!     let mut disabled: u8 = 0;
//!     if !COND0 { disabled |= 1 << 0; }                   // 1. conditions, in order
//!     let output = {
//!         let (f0, f1) = (FUTURE0, FUTURE1);              // 2. futures, in order
//!         let (f0, f1) = (into_future(f0), into_future(f1));
//!         let mut all = pin!(Both::new(f0, f1));          //    one pin for all, dropped in order
//!         poll_fn(move |cx| {
//!             ready!(poll_budget_available(cx));          // 3. budget before any branch
//!             let (f0, f1) = all.as_mut().split();
//!             for branch in random_ring(2) {              // 4. a new first branch at each poll
//!                 match branch { .. }                     // 5. poll it; on a match done
//!             }
//!         }).await
//!     };                                                  // 6. all futures are dropped
//!     match output {                                      // 7. the handler, outside of any closure
//!         Output::Branch0(PAT0) => HANDLER0,
//!         ...
//!     }
//! }
//! ```
//!
//! The enclosing future keeps no pin for each branch that way: with n branches it is n words smaller. More
//! than two futures are a balanced tree of pairs, so that types nest six deep and not 64.
//!
//! Step 5 must know whether the pattern matches and must not take the value apart, as it is step 7 that
//! binds. `match value { PAT if { matched = true; false } => .., _ => .. }` answers that for each kind of
//! pattern: the guard runs when the pattern matches, and as it answers `false`, nothing is moved.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{token, Error, Expr, Ident, Result, Token};

/// The bits of the largest mask.
const MAX_BRANCHES: usize = 64;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Select>(input) {
        Ok(select) => select.expand(),
        Err(error) => error.to_compile_error(),
    }
}

struct Select {
    /// `$crate` of gmp.
    krate: TokenStream,
    biased: bool,
    branches: Vec<Branch>,
    or_else: Option<TokenStream>,
}

struct Branch {
    pattern: TokenStream,
    future: TokenStream,
    condition: Option<TokenStream>,
    handler: TokenStream,
}

impl Parse for Select {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let krate;
        syn::parenthesized!(krate in input);
        let krate = krate.parse()?;
        let biased = input.peek(Ident) && input.peek2(Token![;]) && {
            let word: Ident = input.parse()?;
            if word != "biased" {
                return Err(Error::new(word.span(), "expected `biased;` or a branch"));
            }
            input.parse::<Token![;]>()?;
            true
        };
        let mut branches = Vec::new();
        let mut or_else = None;
        while !input.is_empty() {
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
                input.parse::<Token![=>]>()?;
                or_else = Some(handler(input)?);
                if !input.is_empty() {
                    return Err(input.error("`else` must be the last branch of select!"));
                }
                break;
            }
            if branches.len() == MAX_BRANCHES {
                let text = format!("select! takes up to {MAX_BRANCHES} branches");
                return Err(input.error(text));
            }
            branches.push(input.parse()?);
        }
        if branches.is_empty() && or_else.is_none() {
            return Err(Error::new(Span::call_site(), "select! requires at least one branch."));
        }
        Ok(Select { krate, biased, branches, or_else })
    }
}

impl Parse for Branch {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let pattern = until(input, "a pattern and `=`", |input| {
            input.peek(Token![=]) && !input.peek(Token![==])
        })?;
        if input.peek(Token![=>]) {
            return Err(input.error("expected `=` and a future before `=>`"));
        }
        input.parse::<Token![=]>()?;
        let future = until(input, "a future and `=>`", |input| {
            input.peek(Token![=>]) || (input.peek(Token![,]) && input.peek2(Token![if]))
        })?;
        let mut condition = None;
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            input.parse::<Token![if]>()?;
            condition = Some(until(input, "a condition and `=>`", |i| i.peek(Token![=>]))?);
        }
        input.parse::<Token![=>]>()?;
        let handler = handler(input)?;
        Ok(Branch { pattern, future, condition, handler })
    }
}

/// At least one token, up to (and without) the one that `stop` recognises.
fn until(
    input: ParseStream<'_>,
    expected: &str,
    stop: impl Fn(ParseStream<'_>) -> bool,
) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !stop(input) {
        if input.is_empty() {
            return Err(input.error(format!("expected {expected}")));
        }
        if input.peek(Token![..=]) {
            // Its `=` ends no pattern.
            tokens.extend((0..3).map_while(|_| input.parse::<TokenTree>().ok()));
            continue;
        }
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    if tokens.is_empty() {
        return Err(input.error(format!("expected {expected}")));
    }
    Ok(tokens)
}

/// A block with or without a comma, or an expression with one (the last may leave it out).
fn handler(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(token::Brace) {
        let block: TokenTree = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        return Ok(block.into());
    }
    let expression: Expr = input.parse()?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(quote!(#expression))
}

/// The futures as a balanced tree of pairs, in order.
pub(crate) fn tree(krate: &TokenStream, futures: &[Ident]) -> TokenStream {
    if let [future] = futures {
        return quote!(#future);
    }
    let (left, right) = futures.split_at(futures.len() / 2);
    let (left, right) = (tree(krate, left), tree(krate, right));
    quote_spanned!(Span::mixed_site()=> #krate::macros_support::Both::new(#left, #right))
}

/// Declares each future of the tree behind `pin` as a variable: a pin of its own.
pub(crate) fn split_tree(pin: &TokenStream, futures: &[Ident], to: &mut TokenStream) {
    let span = Span::mixed_site();
    if let [future] = futures {
        to.extend(quote_spanned!(span=> let mut #future = #pin;));
        return;
    }
    let (left, right) = futures.split_at(futures.len() / 2);
    // Variables of the nodes: named after their first leaf, and shadowed from node to node.
    let (l, r) = (format_ident!("left_{}", left[0]), format_ident!("right_{}", right[0]));
    to.extend(quote_spanned!(span=> let (#l, #r) = #pin.split();));
    split_tree(&quote!(#l), left, to);
    split_tree(&quote!(#r), right, to);
}

impl Select {
    fn expand(self) -> TokenStream {
        let span = Span::mixed_site();
        let count = self.branches.len();
        let disabled_handler = self.or_else.unwrap_or_else(|| {
            quote_spanned! {span=>
                ::core::panic!("all branches are disabled and there is no else branch")
            }
        });
        if count == 0 {
            return quote_spanned!(span=> match () { () => #disabled_handler });
        }

        let krate = &self.krate;
        let name = |prefix: &str, i: usize| format_ident!("{}{}", prefix, i, span = span);
        let types: Vec<Ident> = (0..count).map(|i| name("T", i)).collect();
        let variants: Vec<Ident> = (0..count).map(|i| name("Branch", i)).collect();
        let futures: Vec<Ident> = (0..count).map(|i| name("future", i)).collect();
        let into_futures = self.branches.iter().zip(&futures).map(|(branch, future)| {
            // "Not a future" is said of the expression.
            let here = span.located_at(crate::first_span(&branch.future));
            quote_spanned!(here=> ::core::future::IntoFuture::into_future(#future))
        });
        let tree = tree(krate, &futures);
        let all = format_ident!("all", span = span);
        let mut split = TokenStream::new();
        split_tree(&quote_spanned!(span=> #all.as_mut()), &futures, &mut split);
        let patterns: Vec<_> = self.branches.iter().map(|branch| &branch.pattern).collect();
        let handlers = self.branches.iter().map(|branch| &branch.handler);
        let expressions = self.branches.iter().map(|branch| &branch.future);

        let mask = match count {
            0..=8 => quote!(u8),
            9..=16 => quote!(u16),
            17..=32 => quote!(u32),
            _ => quote!(u64),
        };
        let conditions = self.branches.iter().enumerate().filter_map(|(i, branch)| {
            let condition = branch.condition.as_ref()?;
            Some(quote_spanned! {span=>
                #[allow(unused_parens, clippy::all, clippy::pedantic)]
                if !(#condition) {
                    disabled |= 1 << #i;
                }
            })
        });
        let total = count as u32;
        let ring = if self.biased {
            quote_spanned!(span=> 0..#total)
        } else {
            quote_spanned!(span=> #krate::macros_support::random_ring(#total))
        };
        let arms = (0..count).map(|i| {
            let (future, variant, pattern) = (&futures[i], &variants[i], patterns[i]);
            let index = i as u32;
            quote_spanned! {span=>
                #index => {
                    if disabled & (1 << #index) != 0 {
                        continue;
                    }
                    #[allow(unused_mut)]
                    let mut value = match ::core::future::Future::poll(#future.as_mut(), cx) {
                        ::core::task::Poll::Ready(value) => value,
                        ::core::task::Poll::Pending => {
                            pending = true;
                            continue;
                        }
                    };
                    // Done: never to be polled again, whether it matches or not.
                    disabled |= 1 << #index;
                    let mut matched = false;
                    #[allow(unused, clippy::all, clippy::pedantic)]
                    match value {
                        #pattern if { matched = true; false } => ::core::unreachable!(),
                        _ => {}
                    }
                    if matched {
                        return ::core::task::Poll::Ready(__GmpSelected::#variant(value));
                    }
                }
            }
        });

        quote_spanned! {span=> {
            enum __GmpSelected<#(#types),*> {
                #(#variants(#types),)*
                Disabled,
            }
            let mut disabled: #mask = 0;
            #(#conditions)*
            #[allow(unused_mut)]
            let mut output = {
                let (#(#futures,)*) = (#(#expressions,)*);
                let (#(#futures,)*) = (#(#into_futures,)*);
                let mut #all = ::core::pin::pin!(#tree);
                ::core::future::poll_fn(move |cx| {
                    if #krate::macros_support::poll_budget_available(cx).is_pending() {
                        return ::core::task::Poll::Pending;
                    }
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
                        ::core::task::Poll::Ready(__GmpSelected::Disabled)
                    }
                })
                .await
            };
            match output {
                #(__GmpSelected::#variants(#patterns) => #handlers,)*
                __GmpSelected::Disabled => #disabled_handler,
                #[allow(unreachable_patterns)]
                _ => ::core::unreachable!("a value matched once and not again"),
            }
        }}
    }
}
