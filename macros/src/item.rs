//! Step 1: the function under the attribute, with its body left as tokens.

use proc_macro2::{TokenStream, TokenTree};
use quote::{quote, ToTokens};
use syn::parse::{Parse, ParseStream};
use syn::{token, Attribute, Ident, Signature, Visibility};

pub(crate) struct Item {
    /// `#[..]` above the function.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// `#![..]` at the top of the body.
    pub(crate) inner_attrs: Vec<Attribute>,
    /// For their span: it is where a missing value is reported.
    pub(crate) braces: token::Brace,
    /// What is between the braces, without the inner attributes.
    pub(crate) body: TokenStream,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let content;
        let braces = syn::braced!(content in input);
        let inner_attrs = content.call(Attribute::parse_inner)?;
        let body = content.parse()?;
        Ok(Item { attrs, vis, sig, inner_attrs, braces, body })
    }
}

/// The function as it was written.
impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Item { attrs, vis, sig, inner_attrs, body, .. } = self;
        let block = self.block(quote! { #(#inner_attrs)* #body });
        tokens.extend(quote! { #(#attrs)* #vis #sig #block });
    }
}

impl Item {
    /// `content` between the braces of the body.
    pub(crate) fn block(&self, content: TokenStream) -> TokenStream {
        let mut tokens = TokenStream::new();
        self.braces.surround(&mut tokens, |inner| inner.extend(content));
        tokens
    }

    /// A `main` that takes arguments: the one name for which rustc would not have them either.
    pub(crate) fn is_main_with_arguments(&self) -> bool {
        self.sig.ident == "main" && !self.sig.inputs.is_empty()
    }

    /// True if the body can move into a function of its own: it needs nothing from around it, so its
    /// future is `'static`.
    pub(crate) fn stands_alone(&self) -> bool {
        let sig = &self.sig;
        sig.inputs.is_empty()
            && sig.generics.params.is_empty()
            && sig.generics.where_clause.is_none()
            && sig.unsafety.is_none()
            && !mentions_self(sig.output.to_token_stream())
            && !mentions_self(self.body.clone())
    }

    /// The `#[test]` that is there already, if there is one.
    pub(crate) fn test_attribute(&self) -> Option<&Attribute> {
        self.attrs.iter().find(|attr| is_test(attr))
    }
}

fn mentions_self(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "Self",
        TokenTree::Group(group) => mentions_self(group.stream()),
        _ => false,
    })
}

/// `#[test]`, `#[gmp::test]`, or the long paths by which macros write `#[test]`.
fn is_test(attr: &Attribute) -> bool {
    let path: Vec<&Ident> = attr.path().segments.iter().map(|segment| &segment.ident).collect();
    match path[..] {
        [test] => test == "test",
        [gmp, test] => gmp == "gmp" && test == "test",
        [core, prelude, _edition, test] => {
            (core == "core" || core == "std") && prelude == "prelude" && test == "test"
        }
        _ => false,
    }
}
