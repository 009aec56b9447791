//! The page: one file, with the data as JSON and what draws it.

use super::Recorder;
use serde_json::{Value, json};

/// What draws, with a place for the data.
const TEMPLATE: &str = include_str!("page.html");
/// That place.
const DATA: &str = "\"the data\"";
/// Most lines of each list.
const ROWS: usize = 200;

impl Recorder {
    /// A page of HTML that needs nothing else: no network, no other file. `title` is
    /// what was run; `source` gives line `n` of a chunk, if there is one.
    pub fn page(&self, title: &str, mut source: impl FnMut(&str, u32) -> Option<String>) -> String {
        let recording = self.lock();
        let mut data = serde_json::to_value(&*recording).unwrap_or(Value::Null);
        let mut source = |chunk: &str, n: u32| source(chunk, n).map(|text| text.trim().to_string());
        let mut places: Vec<_> = recording.places.iter().collect();
        places.sort_by(|a, b| {
            let key = |p: &super::Place| (p.func.clone(), p.line, p.tier);
            b.1.cmp(a.1).then_with(|| key(a.0).cmp(&key(b.0)))
        });
        let mut place = |(p, n): &(&super::Place, &u64)| {
            json!({
                "func": p.func.to_string(),
                "chunk": p.func.chunk,
                "tier": p.tier,
                "line": p.line,
                "loop": p.loop_line,
                "samples": n,
                "source": source(&p.func.chunk, p.line),
                "loop_source": p.loop_line.and_then(|n| source(&p.func.chunk, n)),
            })
        };
        data["title"] = title.into();
        data["places"] = places.iter().map(&mut place).collect();
        let names = recording.functions.iter().map(|f| f.to_string().into());
        data["names"] = Value::Array(names.collect());
        let mut exits: Vec<_> = recording.exits.iter().collect();
        exits.sort_by_key(|e| std::cmp::Reverse(e.count));
        let mut exit = |e: &&super::Exits| {
            let mut row = serde_json::to_value(e).unwrap_or(Value::Null);
            let chunk = recording.functions.get(e.func).map(|f| f.chunk.as_str());
            row["source"] = source(chunk.unwrap_or_default(), e.line).into();
            row
        };
        data["exits"] = exits.iter().take(ROWS).map(&mut exit).collect();
        // Inside a script nothing may look like the end of it.
        let text = data.to_string().replace('<', "\\u003c");
        TEMPLATE.replacen(DATA, &text, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::recorded;

    #[test]
    fn a_page_is_whole_and_keeps_to_itself() {
        let page = recorded().page("a </script><b> program", |chunk, n| {
            (chunk == "fib.lua").then(|| format!("  line <{n}>"))
        });
        assert_eq!(page.matches("</script>").count(), 2, "data and code");
        assert!(!page.contains("the data") && !page.contains("src="));
        // One is the name of SVG.
        assert_eq!(
            page.matches("http").count(),
            1 + page.matches("http-equiv").count()
        );
        let start = page.find("id=\"data\">").unwrap() + "id=\"data\">".len();
        let end = start + page[start..].find("</script>").unwrap();
        let data: serde_json::Value = serde_json::from_str(&page[start..end]).unwrap();
        assert_eq!(data["title"], "a </script><b> program");
        assert_eq!(data["samples"], 2);
        assert_eq!(data["places"].as_array().unwrap().len(), 2);
        assert_eq!(data["places"][0]["source"], "line <4>");
        assert_eq!(data["exits"][0]["source"], "line <4>");
        assert_eq!(data["pause_count"], 1);
        assert!(data["marks"].as_array().unwrap().len() >= 4);
    }
}
