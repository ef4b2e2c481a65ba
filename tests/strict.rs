//! `--strict`: nothing is taken on trust.

use crate::program::Home;

#[test]
fn the_first_bad_row_ends_the_run() {
    let home = Home::new();
    home.write("in.csv", "a,b\n1,2\n3\n");
    let message = home.fails("-i in.csv -o lake --strict", 3);
    assert!(
        message.contains("in.csv:3") && message.contains("too_few_fields"),
        "{message}"
    );
    assert_eq!(home.names(), ["in.csv"]);
    for line in ["--strict --max-rejects 1", "--strict --on-bad-row reject"] {
        home.fails(&format!("-i in.csv -o lake {line}"), 2);
    }
    home.write("p.toml", "strict = true\n");
    home.fails("-i in.csv -o lake --config p.toml", 3);
    home.receipt("-i in.csv -o lake --config p.toml --max-rejects 1");
}

#[test]
fn what_can_be_read_in_two_ways_must_be_declared() {
    let home = Home::new();
    home.write("in.csv", "day,n\n01/02/2024,1\n03/04/2024,2\n");
    let message = home.fails("-i in.csv -o lake --strict", 2);
    assert!(
        message.contains("--dtype day=") && message.contains("%d/%m/%Y"),
        "{message}"
    );
    let message = home.fails("plan -i in.csv -o lake --strict", 2);
    assert!(message.contains("--dtype day="), "{message}");
    home.receipt("-i in.csv -o lake --strict --dtype day=date(%d/%m/%Y)");
    home.receipt("-i in.csv -o lake --mode overwrite");
    home.write(
        "in.csv",
        "day,n\n01/02/2024,1\n31/04/2024,2\n31/05/2024,3\n",
    );
    home.write("sure.csv", "day,n\n01/02/2024,1\n31/05/2024,3\n");
    home.receipt("-i sure.csv -o lake --strict --mode overwrite");
}
