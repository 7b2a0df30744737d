//! Reads Rust sources well enough for the rules of `tidy.rs`: tells code from comments and literals, and
//! leaves out what only tests compile. It is no parser; where it must guess it errs towards finding more.

use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// Relative to the repository.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// As long as `text`, with comments and literals blanked, and inline test modules too.
    pub(crate) code: String,
    /// Only tests compile it.
    pub(crate) test_only: bool,
}

/// All Rust sources of the repository, except generated ones.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let mut files = Vec::new();
    for folder in ["src", "macros", "hyper", "executor-tests", "benches", "examples", "ecosystem"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 100, "only {} files found", files.len());
    let mut sources: Vec<Source> = files.iter().map(|f| read(root, f)).collect();
    mark_test_modules(&mut sources);
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|n| n != "target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn read(root: &Path, file: &Path) -> Source {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let path = file.strip_prefix(root).expect("below the root");
    let path = path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>();
    let path = path.join("/");
    let test_only = path.contains("/tests/") && !path.starts_with("src/");
    let code = without_inline_tests(&blank(&text));
    Source { path, text, code, test_only }
}

/// Blanks comments and literals; newlines stay.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let end = match bytes[i] {
            b'/' if bytes[i..].starts_with(b"//") => {
                i + text[i..].find('\n').unwrap_or(text.len() - i)
            }
            b'/' if bytes[i..].starts_with(b"/*") => block_comment_end(bytes, i),
            b'"' => string_end(bytes, i),
            b'r' | b'b' if !is_ident(out.last().copied()) => literal_end(text, i),
            b'\'' => char_end(text, i),
            _ => i,
        };
        if end == i {
            out.push(bytes[i]);
            i += 1;
        } else {
            out.extend(bytes[i..end].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' }));
            i = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_ident(byte: Option<u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    i
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut i = start + 1;
    while i < bytes.len() && bytes[i] != b'"' {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    (i + 1).min(bytes.len())
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `b'…'`; `start` if it is none of them.
fn literal_end(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let prefix = rest.len() - rest.trim_start_matches(['b', 'r']).len();
    let (marks, raw) = (&rest[..prefix], rest[..prefix].contains('r'));
    if !matches!(marks, "b" | "r" | "br") {
        return start;
    }
    let hashes = rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len();
    match rest[prefix + hashes..].chars().next() {
        Some('"') if raw => {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = start + prefix + hashes + 1;
            body + text[body..].find(&close).map_or(text.len() - body, |at| at + close.len())
        }
        Some('"') if hashes == 0 => string_end(text.as_bytes(), start + prefix),
        Some('\'') if marks == "b" && hashes == 0 => char_end(text, start + prefix),
        _ => start,
    }
}

/// The end of a character literal; `start` if it is a lifetime.
fn char_end(text: &str, start: usize) -> usize {
    let rest = &text[start + 1..];
    if rest.starts_with('\\') {
        return start + 3 + text[start + 3..].find('\'').map_or(0, |at| at + 1);
    }
    match rest.char_indices().nth(1) {
        Some((at, '\'')) => start + 1 + at + 1,
        _ => start,
    }
}

/// Where the brace that opens at `open` closes.
fn matching_brace(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (i, b) in code.bytes().enumerate().skip(open) {
        match b {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// What holds of a cfg when `test` and the fuzzer's cfg are off: `Some(false)` means that only tests compile
/// what it guards.
pub(crate) fn without_test(cfg: &str) -> Option<bool> {
    let cfg = cfg.trim();
    let Some(open) = cfg.find('(') else {
        return matches!(cfg, "test" | "gmp_fuzz").then_some(false);
    };
    let arguments = split_arguments(cfg[open + 1..].trim_end().trim_end_matches(')'), cfg);
    let values: Vec<_> = arguments.iter().map(|a| without_test(a)).collect();
    match cfg[..open].trim() {
        "not" => values.first().copied().flatten().map(|v| !v),
        "all" if values.contains(&Some(false)) => Some(false),
        "all" if values.iter().all(|v| *v == Some(true)) => Some(true),
        "any" if values.contains(&Some(true)) => Some(true),
        "any" if values.iter().all(|v| *v == Some(false)) => Some(false),
        _ => None,
    }
}

/// Splits at top-level commas. `whole` tells how many closing brackets belong to the arguments.
fn split_arguments(inner: &str, whole: &str) -> Vec<String> {
    let missing = whole.matches('(').count() - 1 - inner.matches(')').count();
    let inner = format!("{inner}{}", ")".repeat(missing));
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("never empty").push(c);
    }
    parts.retain(|p| !p.trim().is_empty());
    parts
}

/// All `#[cfg(…)]` of the code: where each begins, its condition, and where what it guards begins.
fn cfgs(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[cfg(") {
        let mut depth = 0;
        let end = code[at..].char_indices().find_map(|(i, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            (depth == 0 && i > 1).then_some(at + i + 1)
        });
        let Some(end) = end else { continue };
        let condition = code[at + "#[cfg(".len()..end].trim_end_matches(']').trim_end();
        let condition = condition.strip_suffix(')').unwrap_or(condition).to_owned();
        // Other attributes may stand between.
        let mut item = end;
        loop {
            let rest = &code[item..];
            item += rest.len() - rest.trim_start().len();
            if !code[item..].starts_with("#[") {
                break;
            }
            item += code[item..].find(']').map_or(2, |i| i + 1);
        }
        found.push((at, condition, item));
    }
    found
}

/// The name of a module that is declared (`mod x;`) or opened (`mod x {`) here.
fn module_at(code: &str) -> Option<(&str, bool)> {
    let rest = code.strip_prefix("pub(crate) ").unwrap_or(code);
    let rest = rest.strip_prefix("pub(super) ").or(rest.strip_prefix("pub ")).unwrap_or(rest);
    let rest = rest.strip_prefix("mod ")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some((&rest[..end], rest[end..].trim_start().starts_with('{')))
}

fn without_inline_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (_, condition, item) in cfgs(code) {
        if without_test(&condition) != Some(false) {
            continue;
        }
        if let Some((_, true)) = module_at(&code[item..]) {
            let open = item + code[item..].find('{').expect("seen by module_at");
            for b in &mut out[item..matching_brace(code, open)] {
                if *b != b'\n' {
                    *b = b' ';
                }
            }
        }
    }
    String::from_utf8(out).expect("blanks instead of whole items")
}

/// Marks the files of modules that are declared for tests only, and what lies below them.
fn mark_test_modules(sources: &mut [Source]) {
    let mut roots = Vec::new();
    for file in sources.iter() {
        for (_, condition, item) in cfgs(&file.code) {
            if without_test(&condition) == Some(false) {
                if let Some((name, false)) = module_at(&file.code[item..]) {
                    roots.push(format!("{}/{name}", file.folder()));
                }
            }
        }
    }
    assert!(roots.len() > 5, "only {} test modules found: the reader is broken", roots.len());
    for file in sources {
        file.test_only |= roots.iter().any(|root| {
            file.path.strip_prefix(root).is_some_and(|r| r == ".rs" || r.starts_with('/'))
        });
    }
}

/// Does the word stand in the line by itself?
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !is_ident(line[..at].bytes().last()) && !is_ident(line[at + word.len()..].bytes().next())
    })
}

impl Source {
    /// Where the modules that this file declares are.
    fn folder(&self) -> &str {
        let stem = self.path.trim_end_matches(".rs");
        match stem.rsplit_once('/') {
            Some((folder, "mod" | "lib" | "main")) => folder,
            _ => stem,
        }
    }

    /// The path of the module, below the crate: never empty (`lib` for the crate itself).
    pub(crate) fn module(&self) -> Vec<String> {
        let folder = self.folder().trim_start_matches("src").trim_start_matches('/');
        if folder.is_empty() {
            return vec!["lib".to_owned()];
        }
        folder.split('/').map(String::from).collect()
    }

    pub(crate) fn code_without_spaces(&self) -> String {
        self.code.chars().filter(|c| !c.is_whitespace()).collect()
    }

    /// Every path that begins with `crate::` or `super::` and leads out of this module, to its second
    /// segment, with its line.
    pub(crate) fn crate_paths(&self) -> Vec<(usize, Vec<String>)> {
        let module = self.module();
        let inline = self.inline_modules();
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            if is_ident(self.code[..at].bytes().last()) {
                continue;
            }
            for path in heads(&self.code[at + "crate::".len()..], 2) {
                found.push((self.line(at), path));
            }
        }
        for (at, _) in self.code.match_indices("super::") {
            if is_ident(self.code[..at].bytes().last()) || self.code[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &self.code[at..];
            let mut base = module.clone();
            base.extend(
                (0..inline.iter().filter(|m| m.contains(&at)).count()).map(|_| String::new()),
            );
            while let Some(after) = rest.strip_prefix("super::") {
                rest = after;
                base.pop();
            }
            for head in heads(rest, 2) {
                let path = base.iter().cloned().chain(head).take(2).collect();
                found.push((self.line(at), path));
            }
        }
        found.retain(|(_, path)| path.first().is_some_and(|head| !head.is_empty()));
        found
    }

    /// Where the modules are whose text is in this file.
    fn inline_modules(&self) -> Vec<std::ops::Range<usize>> {
        let starts = self.code.match_indices("mod ").map(|(at, _)| at);
        let opened = starts.filter(|at| {
            !is_ident(self.code[..*at].bytes().last())
                && matches!(module_at(&self.code[*at..]), Some((_, true)))
        });
        let range = |at: usize| {
            let open = at + self.code[at..].find('{').expect("seen by module_at");
            open..matching_brace(&self.code, open)
        };
        opened.map(range).collect()
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Lines (from 0) on which an unsafe block or an unsafe impl begins.
    pub(crate) fn lines_with_unsafe(&self) -> Vec<usize> {
        let code = blank(&self.text);
        let found = code.match_indices("unsafe").filter(|(at, word)| {
            let after = code[at + word.len()..].trim_start();
            !is_ident(code[..*at].bytes().last())
                && (after.starts_with('{') || after.starts_with("impl"))
        });
        found.map(|(at, _)| code[..at].matches('\n').count()).collect()
    }

    /// Is there a SAFETY comment on this line, or above it within the same statement?
    pub(crate) fn is_argued(&self, line: usize) -> bool {
        let lines: Vec<&str> = self.text.lines().collect();
        if lines[line].contains("// SAFETY:") {
            return true;
        }
        for above in lines[..line].iter().rev() {
            let above = above.trim();
            if above.starts_with("//") {
                if above.contains("SAFETY:") || above.contains("SAFETY (") {
                    return true;
                }
            } else if above.is_empty() || above.ends_with([';', '{', '}', ',']) {
                return false;
            }
        }
        false
    }

    /// Labels in comments of the form `Ordering(label): …` or `Ordering(one), (two): …`.
    pub(crate) fn ordering_labels(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            let Some(comment) = line.find("//").map(|at| &line[at..]) else { continue };
            for (at, word) in comment.match_indices("Ordering(") {
                let mut rest = &comment[at + word.len()..];
                while let Some((label, after)) = rest.split_once(')') {
                    found.push((i + 1, label.to_owned()));
                    match after.strip_prefix(", (").or(after.strip_prefix(" and (")) {
                        Some(next) => rest = next,
                        None => break,
                    }
                }
            }
        }
        found
    }

    /// Does shipping code ask for the models' cfg, other than to leave test modules and items out?
    pub(crate) fn differs_under_loom(&self) -> bool {
        let gates = cfgs(&self.code);
        self.code.match_indices("gmp_loom").any(|(at, _)| {
            !gates.iter().any(|(start, condition, _)| {
                (*start..*start + "#[cfg(".len() + condition.len()).contains(&at)
                    && without_test(condition) == Some(false)
            })
        })
    }
}

/// The first segments, up to `depth`, of the path or of each path of the group that begins here.
fn heads(code: &str, depth: usize) -> Vec<Vec<String>> {
    let code = code.trim_start();
    if depth == 0 {
        return vec![Vec::new()];
    }
    if let Some(group) = code.strip_prefix('{') {
        let (mut level, mut from, mut found) = (0usize, 0, Vec::new());
        for (i, c) in group.char_indices() {
            match c {
                '{' => level += 1,
                '}' if level > 0 => level -= 1,
                ',' | '}' if level == 0 => {
                    found.extend(heads(&group[from..i], depth));
                    from = i + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
        return found;
    }
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let head = &code[..end];
    if head.is_empty() || head == "self" {
        return vec![Vec::new()];
    }
    match code[end..].strip_prefix("::") {
        Some(rest) => {
            let tails = heads(rest, depth - 1);
            tails.into_iter().map(|t| [vec![head.to_owned()], t].concat()).collect()
        }
        None => vec![vec![head.to_owned()]],
    }
}

#[test]
fn the_reader_reads() {
    let code = blank("a /* b /* c */ */ \"d\\\"e\" r#\"f\"g\"# 'h' '\\'' b'i' <'j> // k\nl");
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "<'j>", "l"]);
    assert_eq!(without_test("all(test, not(gmp_loom))"), Some(false));
    assert_eq!(without_test("not(all(test, gmp_loom))"), Some(true));
    assert_eq!(without_test("all(unix, not(all(test, gmp_loom)))"), None);
    assert_eq!(without_test("any(test, gmp_loom)"), None);
    let all = heads("{a::b::c, d, e::{f, g::{h}}};", 2);
    let all: Vec<String> = all.iter().map(|p| p.join("::")).collect();
    assert_eq!(all, ["a::b", "d", "e::f", "e::g"]);
    assert!(has_word("a b(c)", "b") && !has_word("ab", "b"));
}
