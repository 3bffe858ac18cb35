//! Claims of a host's word, each bent in turn.

use super::*;

#[test]
fn claims_are_judged_one_by_one() {
    refuses(Fault::Unknown, json!({"iss": "another"}));
    refuses(form(Refusal::Missing(Claim::Issuer)), json!({"iss": null}));
    refuses(Fault::Audience, json!({"aud": "another"}));
    refuses(form(Refusal::Shape(Claim::Audience)), json!({"aud": [AUDIENCE, "another"]}));
    refuses(form(Refusal::Nonce), json!({"nonce": "another"}));
    refuses(form(Refusal::Missing(Claim::Nonce)), json!({"nonce": null}));
    for sub in [json!("55500000000"), json!("5550000000011"), json!("55500000000x")] {
        refuses(form(Refusal::Shape(Claim::Subject)), json!({ "sub": sub }));
    }
    refuses(form(Refusal::Shape(Claim::Subject)), json!({"sub": 555_000_000_001_i64}));
    refuses(form(Refusal::Missing(Claim::Subject)), json!({"sub": null}));
    for amr in [json!([]), json!([1]), json!({"a": 1})] {
        refuses(form(Refusal::Shape(Claim::Methods)), json!({ "amr": amr }));
    }
    refuses(form(Refusal::Missing(Claim::Methods)), json!({"amr": null}));
    for claim in [Claim::Expiry, Claim::IssuedAt, Claim::AuthTime] {
        refuses(form(Refusal::Missing(claim)), json!({claim.name(): null}));
        for value in [json!("1"), json!(1.5), json!(-1), json!(253_402_300_800_i64)] {
            refuses(form(Refusal::Shape(claim)), json!({claim.name(): value}));
        }
    }
}

#[test]
fn a_level_is_never_above_what_the_host_is_granted() {
    let level = |found, granted| Fault::Level { found: Level(found), granted: Level(granted) };
    refuses(level(3, 2), json!({"authentication_assurance_level": 3}));
    for claim in [Claim::AuthenticationLevel, Claim::IdentityLevel] {
        refuses(form(Refusal::Missing(claim)), json!({claim.name(): null}));
        for value in [json!(4), json!(-1), json!("2"), json!(1.0), json!(true)] {
            refuses(form(Refusal::Shape(claim)), json!({claim.name(): value}));
        }
    }
    let mut low = settings(&[jwk("h1", ec(), &json!({}))]);
    low.identity = Level(1);
    let world = world(low);
    let word = |extra| jws(&header(&json!({})), &world.claims(&extra), ec());
    assert_eq!(world.accept(&word(json!({}))).unwrap_err(), level(3, 1).into());
    let lower = json!({"authentication_assurance_level": 1, "id_assurance_level": 0});
    let assurance = world.accept(&word(lower)).unwrap().assurance;
    assert_eq!((assurance.authentication, assurance.identity), (Level(1), Level(0)));
}

#[test]
fn dates_have_their_edges() {
    let at = now().unix_seconds();
    let outcome = |extra: Value| {
        let world = usual();
        world.accept(&jws(&header(&json!({})), &world.claims(&extra), ec())).map(drop)
    };
    let refused = |refusal| Err(form(refusal));
    // A minute of leeway, to the second.
    assert_eq!(outcome(json!({"exp": at - 59})), Ok(()));
    assert_eq!(outcome(json!({"exp": at - 60})), refused(Refusal::Expired));
    assert_eq!(outcome(json!({"iat": at + 60, "exp": at + 90})), Ok(()));
    let future = outcome(json!({"iat": at + 61, "exp": at + 90}));
    assert_eq!(future, refused(Refusal::IssuedInFuture));
    // Five minutes of life.
    assert_eq!(outcome(json!({"exp": at + 300})), Ok(()));
    assert_eq!(outcome(json!({"exp": at + 301})), Err(Fault::Life.into()));
    assert_eq!(outcome(json!({"auth_time": at + 60})), Ok(()));
    let future = outcome(json!({"auth_time": at + 61}));
    assert_eq!(future, refused(Refusal::AuthenticatedInFuture));
    let old = |auth_time| json!({"iat": at - 120, "exp": at + 60, "auth_time": auth_time});
    assert_eq!(outcome(old(at - 60)), Ok(()));
    assert_eq!(outcome(old(at - 59)), refused(Refusal::AuthenticatedAfterIssue));
}

#[test]
fn a_clock_that_is_ahead_lengthens_no_card() {
    let world = usual();
    let ahead = json!({"auth_time": now().unix_seconds() + 30});
    let word = jws(&header(&json!({})), &world.claims(&ahead), ec());
    assert_eq!(world.accept(&word).unwrap().assurance.authenticated_at, now());
}
