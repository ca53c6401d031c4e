//! A table for the terminal: the first column to the left, all others to the right.

/// Rows of cells below a row of heads.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|&head| head.to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The lines, each with its end.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }

    /// The same as an element of a page.
    pub(crate) fn html(&self) -> String {
        let row = |(place, cells): (usize, &Vec<String>)| {
            let tag = if place == 0 { "th" } else { "td" };
            let cells: String =
                cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", super::page::escape(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        format!("<table>\n{}</table>\n", self.rows.iter().enumerate().map(row).collect::<String>())
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let pad = |(place, (cell, &width)): (usize, (&String, &usize))| {
        if place == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
    };
    let line: String = cells.iter().zip(widths).enumerate().map(pad).collect();
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["row", "ratio"]);
        assert!(table.is_empty());
        table.row(["a long name".to_owned(), "1.0".to_owned()]);
        assert_eq!(table.text(), "row          ratio\na long name    1.0\n");
        assert!(table.html().contains("<tr><td>a long name</td><td>1.0</td></tr>"));
    }
}
