//! Containers of a real privacyIDEA server, as an administrator makes and fills them.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::PrivacyIdea;

impl PrivacyIdea {
    /// Makes a container, empty, whose devices may ask for everything: its serial.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn container(&self) -> Result<String> {
        let allowed = format!("privacyIDEA_server_url={}, container_client_rollover", self.url);
        self.policy("containers", "container", &allowed).await?;
        let asked = json!({"type": "smartphone"});
        let answer = self.call(Method::POST, "/container/init", Some(asked)).await?;
        let serial = answer["result"]["value"]["container_serial"].as_str();
        Ok(serial.context("the container has no serial")?.to_owned())
    }

    /// The link that registers a container's device: its first one, or the next.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn container_link(&self, container: &str, next: bool) -> Result<String> {
        let asked = json!({"container_serial": container, "rollover": next});
        let answer = self
            .call(Method::POST, "/container/register/initialize", Some(asked))
            .await?;
        let link = answer["result"]["value"]["container_url"]["value"].as_str();
        Ok(link.context("the container has no link")?.to_owned())
    }

    /// Makes a token of this type in a container: its serial.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn token_in(&self, container: &str, kind: &str) -> Result<String> {
        let asked = json!({"type": kind, "genkey": 1, "container_serial": container});
        let answer = self.call(Method::POST, "/token/init", Some(asked)).await?;
        let serial = answer["detail"]["serial"].as_str();
        Ok(serial.context("the token has no serial")?.to_owned())
    }

    /// Takes a token out of a container.
    ///
    /// # Errors
    /// When it is not in it.
    pub async fn take_out(&self, container: &str, token: &str) -> Result<()> {
        let path = format!("/container/{container}/remove");
        let answer = self
            .call(Method::POST, &path, Some(json!({"serial": token})))
            .await?;
        ensure!(
            answer["result"]["value"] == true,
            "{token} is not in the container"
        );
        Ok(())
    }

    /// `registered` and the like; none if no device is.
    ///
    /// # Errors
    /// When there is no such container.
    pub async fn registration(&self, container: &str) -> Result<Option<String>> {
        let path = format!("/container/?container_serial={container}");
        let answer = self.call(Method::GET, &path, None).await?;
        let found = &answer["result"]["value"]["containers"][0];
        ensure!(found["serial"] == container, "there is no container {container}");
        Ok(found["info"]["registration_state"].as_str().map(str::to_owned))
    }

    /// Whether this is the code of a token now.
    ///
    /// # Errors
    /// When there is no such token.
    pub async fn accepts(&self, token: &str, code: &str) -> Result<bool> {
        let asked = json!({"serial": token, "pass": code});
        let answer = self.call(Method::POST, "/validate/check", Some(asked)).await?;
        Ok(answer["result"]["value"] == Value::Bool(true))
    }
}
