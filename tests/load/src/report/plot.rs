//! A plot of lines as SVG, drawn by hand: a page that is kept for years needs no script and no library.

use std::fmt::Write;

use super::page::escape;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 34.0;
/// Lines across the plot.
const STEPS: u32 = 4;
/// Most labels below the plot.
const MOST_LABELS: usize = 12;

/// Values over a row of places: seconds, or percentiles.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    /// What stands below each place.
    pub(crate) places: Vec<String>,
    /// A name, and a value for each place.
    pub(crate) lines: Vec<(&'a str, Vec<f64>)>,
    /// How a value is written.
    pub(crate) unit: fn(f64) -> String,
}

impl Plot<'_> {
    pub(crate) fn svg(&self) -> String {
        let top = round_up(self.lines.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max));
        let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
        text(&mut svg, LEFT, 16.0, "title", self.title);
        self.scale(&mut svg, top);
        for (number, (name, values)) in self.lines.iter().enumerate() {
            let points: String =
                values.iter().enumerate().map(|(place, value)| self.point(place, value / top)).collect();
            let _ = write!(svg, r#"<polyline class="line c{number}" points="{}"/>"#, points.trim_end());
            let x = WIDTH - RIGHT - 90.0 * (self.lines.len() - number - 1) as f64;
            text(&mut svg, x, 16.0, &format!("name c{number}"), name);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The lines across, and what stands at their ends.
    fn scale(&self, svg: &mut String, top: f64) {
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let y = height(share);
            let _ = write!(svg, r#"<line x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/>"#, WIDTH - RIGHT);
            text(svg, LEFT - 6.0, y + 4.0, "y", &(self.unit)(top * share));
        }
        let every = self.places.len().div_ceil(MOST_LABELS).max(1);
        for (place, label) in self.places.iter().enumerate().step_by(every) {
            text(svg, self.x(place), HEIGHT - 12.0, "x", label);
        }
    }

    fn x(&self, place: usize) -> f64 {
        let gaps = self.places.len().saturating_sub(1).max(1);
        LEFT + (WIDTH - LEFT - RIGHT) * place as f64 / gaps as f64
    }

    fn point(&self, place: usize, share: f64) -> String {
        format!("{:.1},{:.1} ", self.x(place), height(share))
    }
}

fn height(share: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{}</text>"#, escape(text));
}

/// The next of 1, 2, 4, 5 or 8 times a power of ten, so that the lines across have short names.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0].into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!([0.0, 1.0, 1.1, 43.0, 950.0].map(round_up), [1.0, 1.0, 2.0, 50.0, 1000.0]);
    }

    #[test]
    fn a_line_goes_from_edge_to_edge() {
        let plot = Plot {
            title: "delivered < all",
            places: vec!["0".to_owned(), "1".to_owned()],
            lines: vec![("a", vec![0.0, 10.0])],
            unit: |value| value.to_string(),
        };
        let svg = plot.svg();
        assert!(svg.contains(r#"points="72.0,226.0 744.0,34.0""#), "{svg}");
        assert!(svg.contains("delivered &lt; all"), "{svg}");
    }
}
