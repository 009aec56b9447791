//! `vm rewrite`, as its users see it. Needs the feature `cli`.
#![cfg(feature = "cli")]

mod common;

use common::*;

const RULES: &str = "rule zero: add(?x, 0) => ?x
rule fold: add(?a:int, ?b:int) => {?a + ?b}
rule grow: grow(?x) => grow(s(?x))
rule loop: loop => f(loop)
rule twin: twin(?n:int, ?t) => twin({?n - 1}, p(?t, ?t)) where ?n > 0
";

#[test]
fn terms_come_from_words_files_and_standard_input() {
    let folder = Folder::new("rewrite-sources");
    folder.file("a.rules", RULES);
    folder.file("a.terms", "add(1, 2); add(x, 0)\n# nothing\nadd(y, z)");
    let words = ["rewrite", "a.rules", "a.terms", "-e", "add(-1, 1)"];
    check(&folder.vm(&words), 0, "0\n3\nx\nadd(y, z)\n", "");
    let output = feed(folder.command(&["rewrite", "a.rules"]), "add(add(x, 0), 0)");
    check(&output, 0, "x\n", "");
    let output = feed(folder.command(&["rewrite", "a.rules", "-"]), "7");
    check(&output, 0, "7\n", "");
    check(&folder.vm(&["rewrite", "a.rules"]), 0, "", "");
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let folder = Folder::new("rewrite-mistakes");
    folder.file("a.rules", "rule a: f(?x) =>\n  g(?y)\n");
    let wanted =
        "vm: a.rules:2:5: '?y' is not in the pattern, which has ?x\n  |\n2 |   g(?y)\n  |     ^^\n";
    check(
        &folder.vm(&["rewrite", "a.rules", "-e", "1"]),
        2,
        "",
        wanted,
    );
    folder.file("b.rules", RULES);
    let wanted = "vm: --term:1:4: ',' or ')' expected, not the end of the text (the arguments of 'f' begin in line 1)\n  |\n1 | f(x\n  |    ^\n";
    check(
        &folder.vm(&["rewrite", "b.rules", "-e", "f(x"]),
        2,
        "",
        wanted,
    );
    folder.file("c.rules", b"rule a:\n f(\xff) => 1");
    let wanted = "vm: c.rules:2: this is not UTF-8; save the file as UTF-8\n";
    check(&folder.vm(&["rewrite", "c.rules"]), 2, "", wanted);
    let output = folder.vm(&["rewrite", "none.rules"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn terms_without_normal_form_end_with_status_1() {
    let folder = Folder::new("rewrite-stops");
    folder.file("a.rules", RULES);
    let rewrite = |options: &[&str]| folder.vm(&[&["rewrite", "a.rules"], options].concat());
    let fuel = "vm: --term: the rules were applied as often as allowed, and did not come to an end\n\
         it has become: h(grow(s(s(0))))\n\
         help: see with --trace --fuel=100 which rules go on, or allow more with --fuel\n";
    check(&rewrite(&["--fuel=2", "-e", "h(grow(0))"]), 1, "", fuel);
    check(
        &rewrite(&["--fuel=2", "--partial", "-e", "h(grow(0))"]),
        1,
        "h(grow(s(s(0))))\n",
        fuel,
    );
    let looped = "vm: --term: term 2: the rules don't come to an end: a term is rewritten to one that contains it\n\
         this one comes up again below itself: loop\n\
         it has become: g(f(loop))\n\
         help: see with --trace which rules lead there\n";
    check(&rewrite(&["-e", "1 g(loop)"]), 1, "1\n", looped);
    let output = rewrite(&["--memory-limit=1M", "-e", "grow(0)"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.ends_with("help: allow more with --memory-limit\n"),
        "{text}"
    );
    // A result that no memory holds as text.
    let output = rewrite(&["-e", "twin(100, x)"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let wanted = "vm: a result has more than 10^19 names and numbers as text, of 103 different terms: more than --print-limit allows\n";
    assert_eq!((output.status.code(), &*text), (Some(1), wanted));
}

#[test]
fn traces_and_figures() {
    let folder = Folder::new("rewrite-trace");
    folder.file("a.rules", RULES);
    let output = folder.vm(&[
        "rewrite",
        "a.rules",
        "--trace",
        "-e",
        "f(add(add(1, 2), 0))",
    ]);
    let trace = "fold: add(1, 2) => 3\nzero: add(3, 0) => 3\n";
    check(&output, 0, "f(3)\n", trace);
    let words = [
        "rewrite",
        "a.rules",
        "--trace=t",
        "--stats=json:s",
        "-e",
        "add(1, 2)",
    ];
    check(&folder.vm(&words), 0, "3\n", "");
    assert_eq!(folder.bytes("t"), b"fold: add(1, 2) => 3\n");
    let stats: serde_json::Value = serde_json::from_slice(&folder.bytes("s")).unwrap();
    assert_eq!(stats["backend"], "interpret");
    assert_eq!(stats["applications"], 1);
    assert_eq!(stats["applied"]["fold"], 1);
    let output = folder.vm(&["rewrite", "a.rules", "--stats", "-e", "add(1, 2)"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("\nfold                         1\n"),
        "{text}"
    );
}

#[cfg(not(feature = "llvm"))]
#[test]
fn native_needs_llvm() {
    let folder = Folder::new("rewrite-lacks");
    folder.file("a.rules", RULES);
    let wanted = "vm: no native matcher: this build lacks LLVM (feature `llvm`)\n";
    let words = ["rewrite", "a.rules", "--backend=native", "-e", "1"];
    check(&folder.vm(&words), 2, "", wanted);
}

#[cfg(feature = "llvm")]
#[test]
fn compiled_rules_are_kept() {
    let folder = Folder::new("rewrite-cache");
    folder.file("a.rules", RULES);
    let words = [
        "rewrite",
        "a.rules",
        "--backend=native",
        "--cache=kept",
        "-e",
        "add(1, 2)",
    ];
    check(&folder.vm(&words), 0, "3\n", "");
    check(&folder.vm(&words), 0, "3\n", "");
    let output = folder.vm(&["cache", "list", "--cache=kept"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("rules"), "{text}");
    let output = folder.vm(&["cache", "stats", "--cache=kept"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\n1 hits, 1 misses"), "{text}");
    let output = folder.vm(&["rewrite", "--llvm", "a.rules"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("define i32 @strata_rules_step"), "{text}");
}
