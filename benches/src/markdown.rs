//! The file with the results: each command owns a section of it and leaves the others alone.
//!
//! A section stands between the lines `<!-- NAME -->` and `<!-- end of NAME -->`.

use std::path::Path;

/// Puts `text` into the section of a file, which may have none yet, or not exist.
pub(crate) fn write(path: &Path, section: &str, text: &str) -> Result<(), String> {
    let old = match std::fs::read_to_string(path) {
        Ok(old) => old,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(err) => return Err(format!("cannot read {path:?}: {err}")),
    };
    std::fs::write(path, with_section(&old, section, text))
        .map_err(|err| format!("cannot write {path:?}: {err}"))
}

/// `old` with a section replaced, or appended.
fn with_section(old: &str, section: &str, text: &str) -> String {
    let from = format!("<!-- {section} -->\n");
    let to = format!("<!-- end of {section} -->");
    let text = text.trim_end();
    if let Some(at) = old.find(&from) {
        let begin = at + from.len();
        if let Some(length) = old[begin..].find(&to) {
            return format!("{}\n{text}\n\n{}", &old[..begin], &old[begin + length..]);
        }
    }
    let between = if old.is_empty() { "" } else { "\n" };
    format!("{old}{between}{from}\n{text}\n\n{to}\n")
}

/// A table: words to the left in the first `words` columns, figures to the right in the others.
pub(crate) fn table(cells: &[Vec<String>], words: usize) -> String {
    let mut text = String::new();
    for (i, row) in cells.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if i == 0 {
            let rule: Vec<_> =
                (0..row.len()).map(|i| if i < words { "---" } else { "---:" }).collect();
            text.push_str(&format!("| {} |\n", rule.join(" | ")));
        }
    }
    text
}

/// The same for a terminal: columns by width.
pub(crate) fn plain(cells: &[Vec<String>], words: usize) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |i: usize| cells.iter().map(|row| row[i].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in cells {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            let width = widths[i];
            let cell =
                if i < words { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_the_one_before_and_no_other() {
        let old = "text\n<!-- table -->\nold\n<!-- end of table -->\nmore\n\
                   <!-- counts -->\nkept\n<!-- end of counts -->\n";
        let new = with_section(old, "table", "| new |\n");
        assert_eq!(
            new,
            "text\n<!-- table -->\n\n| new |\n\n<!-- end of table -->\nmore\n\
             <!-- counts -->\nkept\n<!-- end of counts -->\n"
        );
        assert_eq!(with_section(&new, "table", "| new |\n"), new);
    }

    #[test]
    fn a_section_that_is_not_there_is_appended() {
        let one = with_section("", "scale", "first");
        assert_eq!(one, "<!-- scale -->\n\nfirst\n\n<!-- end of scale -->\n");
        let two = with_section(&one, "counts", "second");
        assert!(two.starts_with(&one) && two.contains("<!-- counts -->\n\nsecond\n"));
        // An end that is missing is not looked for in another section.
        let broken = with_section("<!-- scale -->\nold\n", "scale", "new");
        assert!(broken.starts_with("<!-- scale -->\nold\n") && broken.contains("\nnew\n"));
    }

    #[test]
    fn columns_line_up() {
        let cells = [["row", "ns"], ["a", "10"], ["bc", "7"]];
        let cells: Vec<Vec<String>> =
            cells.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(plain(&cells, 1), "row  ns\na    10\nbc    7\n");
        assert_eq!(table(&cells, 1), "| row | ns |\n| --- | ---: |\n| a | 10 |\n| bc | 7 |\n");
    }
}
