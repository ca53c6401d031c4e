//! A page that is complete in itself: no script, no file beside it, light or dark as the reader has it.

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; max-width: 760px; font-size: 11px; display: block; margin: 1em 0; }
svg line { stroke: #8884; }
svg text { fill: currentColor; }
svg .title { font-size: 14px; font-weight: 600; }
svg .name, svg .y { text-anchor: end; }
svg .x { text-anchor: middle; }
svg .line { fill: none; stroke-width: 2; }
svg .line.c0 { stroke: #3b82f6; } svg .name.c0 { fill: #3b82f6; }
svg .line.c1 { stroke: #f97316; } svg .name.c1 { fill: #f97316; }
svg .line.c2 { stroke: #10b981; } svg .name.c2 { fill: #10b981; }
svg .line.c3 { stroke: #a855f7; } svg .name.c3 { fill: #a855f7; }
";

/// A whole page around its parts.
pub(crate) fn page(title: &str, parts: &[String]) -> String {
    let title = escape(title);
    let parts = parts.concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n{parts}</html>\n"
    )
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
