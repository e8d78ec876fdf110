//! Clients, offers and devices.

use super::*;

pub(super) async fn clients_are_added_once_and_found_by_their_secret(store: impl Store) {
    let client = client();
    assert!(
        store
            .add_client(client.clone(), entry(Event::ClientAdded))
            .await
            .unwrap()
    );
    let second = Client {
        secret_hash: [9; 32],
        ..client.clone()
    };
    assert!(!store.add_client(second, entry(Event::ClientAdded)).await.unwrap());
    assert_eq!(store.clients().await.unwrap(), std::slice::from_ref(&client));
    assert_eq!(store.client_by_secret([1; 32]).await.unwrap(), Some(client));
    assert_eq!(store.client_by_secret([9; 32]).await.unwrap(), None);
    assert!(
        store
            .remove_client("bank", entry(Event::ClientRemoved))
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_client("bank", entry(Event::ClientRemoved))
            .await
            .unwrap()
    );
    assert_eq!(store.client_by_secret([1; 32]).await.unwrap(), None);
    assert_eq!(
        events(&store).await,
        ["client.added", "client.removed"],
        "what changed nothing is not in the log"
    );
}

pub(super) async fn an_offer_is_used_once_and_before_it_expires(store: impl Store) {
    let offer = offer("ada", 1);
    store
        .add_offer(offer.clone(), entry(Event::OfferCreated))
        .await
        .unwrap();
    assert_eq!(
        store.offer([1; 32], offer.expires_at - 1).await.unwrap(),
        Some(offer.clone())
    );
    assert_eq!(store.offer([1; 32], offer.expires_at).await.unwrap(), None);
    assert_eq!(store.offer([2; 32], NOW).await.unwrap(), None);

    let late = NewDevice {
        now: offer.expires_at,
        ..new_device(1)
    };
    assert!(store.enrol([1; 32], late).await.unwrap().is_none());
    assert!(store.enrol([2; 32], new_device(1)).await.unwrap().is_none());
    let device = store.enrol([1; 32], new_device(1)).await.unwrap().unwrap();
    assert_eq!(
        (device.user.as_str(), device.account.as_str()),
        ("ada", "ada@example.com")
    );
    assert!(
        store.enrol([1; 32], new_device(2)).await.unwrap().is_none(),
        "used"
    );
    assert_eq!(store.offer([1; 32], NOW).await.unwrap(), None);

    let (user, devices) = store.user_with_devices("ada").await.unwrap().unwrap();
    assert_eq!(
        user,
        User {
            id: "ada".to_owned(),
            wrong_codes: 0,
            locked_at: None,
            created_at: NOW
        }
    );
    assert_eq!(
        devices.iter().map(|device| &device.id).collect::<Vec<_>>(),
        [&device.id]
    );
    assert_eq!(devices[0].key, device.key);
}

pub(super) async fn a_device_is_revoked_once(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    assert_eq!(revoke(&store, &device.id, NOW + 5).await, Revoked::Now);
    assert_eq!(
        revoke(&store, &device.id, NOW + 9).await,
        Revoked::Before(NOW + 5)
    );
    assert_eq!(revoke(&store, &device_id(7), NOW).await, Revoked::Unknown);
    assert_eq!(
        store.device(&device.id).await.unwrap().unwrap().revoked_at,
        Some(NOW + 5)
    );
    assert!(
        store
            .user_with_devices("ada")
            .await
            .unwrap()
            .unwrap()
            .1
            .is_empty()
    );
    assert_eq!(
        store.devices(Some("ada")).await.unwrap().len(),
        1,
        "it is still listed"
    );
}

pub(super) async fn a_device_key_is_replaced_only_while_it_is_the_one_that_was(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let (second, third) = (jwk(), jwk());
    let rotation = |old: &Jwk, new: &Jwk| DeviceRotation {
        device: device.id.clone(),
        old: old.clone(),
        new: new.clone(),
        key_protection: protection(),
    };
    assert!(
        store
            .rotate_device(rotation(&device.key, &second), entry(Event::DeviceRotated))
            .await
            .unwrap()
    );
    assert!(
        !store
            .rotate_device(rotation(&device.key, &third), entry(Event::DeviceRotated))
            .await
            .unwrap()
    );
    assert_eq!(store.device(&device.id).await.unwrap().unwrap().key, second);
    revoke(&store, &device.id, NOW).await;
    assert!(
        !store
            .rotate_device(rotation(&second, &third), entry(Event::DeviceRotated))
            .await
            .unwrap()
    );
}
