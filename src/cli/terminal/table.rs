//! Text tables: a heading line and aligned columns; the last column has no fixed width.

use super::text::width;

/// The alignment of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    Left,
    Right,
}

/// Lays out rows below headings, two spaces between columns.
pub(in crate::cli) fn table<const N: usize>(
    headings: [(&str, Align); N],
    rows: &[[String; N]],
) -> String {
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(index, (heading, _))| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let widest = cells.map(|cell| width(cell)).max().unwrap_or(0);
            widest.max(width(heading))
        })
        .collect();
    let titles = headings.map(|(heading, _)| heading.to_owned());
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for ((cell, (_, align)), columns) in row.iter().zip(&headings).zip(&widths) {
            let padding = " ".repeat(columns.saturating_sub(width(cell)));
            match align {
                Align::Left => line.extend([cell.as_str(), &padding, "  "]),
                Align::Right => line.extend([&padding, cell.as_str(), "  "]),
            }
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
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "10".to_owned(), "x y".to_owned()],
            ["longer".to_owned(), "5".to_owned(), String::new()],
        ];
        let headings = [
            ("NAME", Align::Left),
            ("N", Align::Right),
            ("REST", Align::Left),
        ];
        assert_eq!(
            table(headings, &rows),
            "NAME     N  REST\na       10  x y\nlonger   5\n"
        );
    }
}
