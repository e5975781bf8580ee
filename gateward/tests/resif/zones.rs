//! `expires_at` is a local time without a zone: whoever reads it there compares it with `now()`.

use super::databases::Databases;
use super::drop_in::{installation, token};
use super::gnupg::Gnupg;
use super::installation::gateward;
use super::placing::place;
use super::statement::now;
use super::tools::run;

/// When a login ends, as a reader of the database understands it, in microseconds since 1970.
fn read(databases: &Databases, name: &str) -> i64 {
    let sql = format!(
        "SELECT (extract(epoch FROM expires_at::timestamptz) * 1000000)::bigint FROM users WHERE login = '{name}'"
    );
    databases.in_auth(&sql).concat().concat().parse().unwrap()
}

fn in_zone(zone: &str) -> Databases {
    let databases = Databases::new();
    for database in [&databases.auth, &databases.privileges] {
        databases.cluster.psql("postgres", &format!("ALTER DATABASE \"{database}\" SET timezone = '{zone}'"));
    }
    databases
}

const NAME: &str = "ZONE0123456789";

#[tokio::test]
async fn readers_see_the_end_that_was_meant_whatever_the_zone_of_the_database() {
    for zone in ["Europe/Paris", "America/New_York", "UTC", "Asia/Kathmandu"] {
        let databases = in_zone(zone);
        let resif = databases.resif();
        // Winter and summer, on both sides of each change of the clocks.
        for (at, ends) in [
            "2035-01-15T12:00:00Z",
            "2035-07-15T12:00:00.250Z",
            "2035-03-25T00:59:59Z",
            "2035-03-25T01:00:00Z",
            "2035-03-11T06:59:59Z",
            "2035-03-11T07:00:00Z",
            "2035-10-28T01:30:00Z",
            "2035-11-04T06:30:00Z",
        ]
        .iter()
        .enumerate()
        {
            let name = format!("ZONE{at:010}");
            place(&resif, &name, &["/epos/demo"], ends).await.unwrap();
            let meant = ends.parse::<jiff::Timestamp>().unwrap();
            let late = read(&databases, &name) - meant.as_microsecond();
            assert!(late == 0, "{zone}: {ends} is read {late} us late");
        }
    }
}

#[tokio::test]
async fn in_the_hour_that_comes_twice_a_login_ends_rather_too_early() {
    for (zone, ends) in
        [("Europe/Paris", "2035-10-28T00:30:00Z"), ("America/New_York", "2035-11-04T05:30:00Z")]
    {
        let databases = in_zone(zone);
        place(&databases.resif(), NAME, &["/epos/demo"], ends).await.unwrap();
        let meant = ends.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let late = read(&databases, NAME) - meant;
        assert!((-3_600_000_000..=0).contains(&late), "{zone}: {late} us late");
    }
}

#[tokio::test]
async fn only_what_has_ended_by_the_databases_own_clock_is_found() {
    for zone in ["Europe/Paris", "America/New_York", "UTC"] {
        let databases = in_zone(zone);
        let resif = databases.resif();
        let now = databases.in_auth("SELECT extract(epoch FROM now())::bigint").concat().concat();
        let now: i64 = now.parse().unwrap();
        let at = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
        place(&resif, "ENDED123456789", &["/epos/demo"], &at(now - 60)).await.unwrap();
        place(&resif, "LIVES123456789", &["/epos/demo"], &at(now + 60)).await.unwrap();
        let ended = resif.ended(&[], 100).await.unwrap();
        assert_eq!(ended, ["ENDED123456789".parse().unwrap()], "{zone}");
    }
}

#[test]
fn the_end_is_right_whatever_the_zone_of_the_application() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    for zone in ["Europe/Paris", "America/New_York", "UTC"] {
        let databases = in_zone(zone);
        let installation = installation(&databases, &issuer);
        for ours in ["Europe/Paris", "America/New_York", "UTC"] {
            std::fs::write(installation.file("token.asc"), token(&issuer, "/epos/demo")).unwrap();
            let mut exchange = gateward();
            exchange.args(["exchange", "--format", "json", "--config"]).arg(installation.config());
            let before = now();
            let ran =
                run(exchange.arg(installation.file("token.asc")).env("TZ", ours).env("PGTZ", ours), b"");
            let login = ran.good().json()[0]["login"].as_str().unwrap().to_owned();
            let day = 86_400_000_000;
            let allowed = before.as_microsecond() + day..=now().as_microsecond() + day;
            // In the night of a change of the clocks it may be an hour less.
            let ends = read(&databases, &login);
            assert!(
                allowed.contains(&ends) || allowed.contains(&(ends + 3_600_000_000)),
                "{ours} to {zone}: {ends}"
            );
        }
    }
}
