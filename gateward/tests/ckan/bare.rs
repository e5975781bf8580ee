//! CKAN without gateward: what the rest relies on.

use serde_json::json;

use super::site::{Site, USER};

#[test]
fn ckan_takes_a_key_as_dcor_aid_sends_it_and_not_as_a_bearer() {
    let ckan = Site::shared();
    let asked = json!({ "user_id": USER });
    for fields in [
        vec![format!("Authorization: {}", ckan.ordinary_key)],
        vec![
            format!("Authorization: {}", ckan.ordinary_key),
            format!("X-CKAN-API-Key: {}", ckan.ordinary_key),
        ],
    ] {
        let (status, answer) = ckan.post_with("api_token_list", &fields, &asked);
        assert_eq!((status, answer["success"].as_bool()), (200, Some(true)), "{answer}");
    }
    let bearer = [format!("Authorization: Bearer {}", ckan.ordinary_key)];
    let (status, answer) = ckan.post_with("api_token_list", &bearer, &asked);
    assert_eq!((status, answer["success"].as_bool()), (403, Some(false)), "{answer}");
}

#[test]
fn a_ckan_stands_beside_another_and_they_share_no_users() {
    let (one, other) = (Site::shared(), Site::shared_with_tls());
    let (status, answer) = one.post(
        "user_create",
        &one.key,
        &json!({ "name": "only-here", "email": "only-here@example.org", "password": "of tests only" }),
    );
    assert_eq!(status, 200, "{answer}");
    let asked = json!({ "id": "only-here" });
    assert_eq!(one.post("user_show", &one.key, &asked).0, 200);
    assert_eq!(other.post("user_show", &other.key, &asked).0, 404);
}

#[test]
fn a_key_makes_further_keys_for_its_user_that_outlive_it() {
    let ckan = Site::shared();
    let make = |by: &str, name: &str| {
        let (status, answer) = ckan.post("api_token_create", by, &json!({ "user": USER, "name": name }));
        assert_eq!(status, 200, "{answer}");
        answer["result"]["token"].as_str().unwrap().to_owned()
    };
    let lent = make(&ckan.key, "lent");
    let kept = make(&lent, "kept by a thief");
    assert_eq!(ckan.post("api_token_revoke", &ckan.key, &json!({ "token": lent })).0, 200);
    let asked = json!({ "user_id": USER });
    assert_eq!(ckan.post("api_token_list", &lent, &asked).0, 403);
    assert_eq!(ckan.post("api_token_list", &kept, &asked).0, 200);
    ckan.post("api_token_revoke", &ckan.key, &json!({ "token": kept }));
}
