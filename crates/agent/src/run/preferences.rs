//! Settings on disk and what follows from them at once: the way to issuers, start at log-in.

use std::sync::Arc;

use countersign_agent_api::{SettingChange, SettingKey, SettingsView};

use super::network;
use crate::{
    autostart::Autostart,
    config::{ChangeError, ConfigFiles, Effective, Network},
    engine::{Changed, Way},
    net::Net,
};

/// The person's settings, as far as they can be changed while the agent runs.
#[derive(Debug, Clone)]
pub struct Preferences {
    files: ConfigFiles,
    autostart: Option<Arc<Autostart>>,
    net: Net,
    /// What `net` was made from.
    network: Network,
}

impl Preferences {
    /// Over these files. `net` is the way to issuers as `effective` has it; without `autostart` nothing can be said of it.
    pub fn new(files: ConfigFiles, autostart: Option<Autostart>, net: Net, effective: &Effective) -> Self {
        let preferences = Self {
            files,
            autostart: autostart.map(Arc::new),
            net,
            network: effective.config.network.clone(),
        };
        preferences.enforce_start(effective);
        preferences
    }

    /// Everything that is set.
    pub fn view(&self, effective: &Effective) -> SettingsView {
        effective.view(self.starts_at_login())
    }

    /// Changes one setting, on disk and in what runs.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed then.
    pub fn change(&mut self, change: &SettingChange) -> Result<Changed, ChangeError> {
        if let SettingChange::StartAtLogin(start) = change {
            let effective = self.files.load().map_err(ChangeError::Unreadable)?;
            effective.check_unlocked(SettingKey::StartAtLogin)?;
            let autostart = self.autostart.as_ref().ok_or(ChangeError::NoPlace)?;
            autostart.set(*start).map_err(ChangeError::Autostart)?;
            return Ok(self.changed(&effective, Way::Same));
        }
        let mut way = None;
        let present = &self.network;
        let effective = self.files.change(change, |config| {
            if config.network != *present {
                way = Some(network(&config.network).map_err(|error| error.to_string())?);
            }
            Ok(())
        })?;
        let Some(net) = way else {
            return Ok(self.changed(&effective, Way::Same));
        };
        self.net.replace(&net);
        self.network = effective.config.network.clone();
        Ok(self.changed(&effective, Way::New))
    }

    fn changed(&self, effective: &Effective, way: Way) -> Changed {
        Changed {
            settings: self.view(effective),
            way,
        }
    }

    /// What the organisation wants of start at log-in is so.
    fn enforce_start(&self, effective: &Effective) {
        if let (Some(wanted), Some(autostart)) = (effective.config.app.start_at_login, &self.autostart)
            && self.starts_at_login() != wanted
            && let Err(error) = autostart.set(wanted)
        {
            tracing::warn!(%error, "start at log-in is not as the organisation has set it");
        }
    }

    fn starts_at_login(&self) -> bool {
        let state = self.autostart.as_ref().map(|autostart| autostart.is_enabled());
        match state {
            Some(Ok(state)) => state,
            Some(Err(error)) => {
                tracing::warn!(%error, "it cannot be told whether the agent starts at log-in");
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use countersign_agent_api::{Appearance, ErrorCode};

    use super::*;

    fn preferences(home: &Path, managed: &str) -> (Preferences, Effective) {
        let [config, xdg] = ["config", "xdg"].map(|name| home.join(name));
        fs::create_dir_all(xdg.join("countersign")).unwrap();
        fs::write(xdg.join("countersign/managed.toml"), managed).unwrap();
        let files = ConfigFiles::find(None, |name| match name {
            "XDG_CONFIG_HOME" => Some(config.clone().into()),
            "XDG_CONFIG_DIRS" => Some(xdg.clone().into()),
            _ => None,
        });
        let effective = files.load().unwrap();
        let autostart = Autostart::new(&config, Path::new("/usr/bin/countersign-agent"));
        let net = network(&effective.config.network).unwrap();
        (
            Preferences::new(files, Some(autostart), net, &effective),
            effective,
        )
    }

    #[test]
    fn start_at_login_is_what_the_desktop_says() {
        let home = tempfile::tempdir().unwrap();
        let (mut preferences, effective) = preferences(home.path(), "");
        assert!(!preferences.view(&effective).values.start_at_login);
        for wanted in [true, false] {
            let changed = preferences.change(&SettingChange::StartAtLogin(wanted)).unwrap();
            assert_eq!(changed.settings.values.start_at_login, wanted);
        }
    }

    #[test]
    fn what_the_organisation_wants_of_start_at_login_is_done_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let (mut preferences, effective) = preferences(home.path(), "[app]\nstart_at_login = true\n");
        assert!(preferences.view(&effective).values.start_at_login);
        let refused = preferences
            .change(&SettingChange::StartAtLogin(false))
            .unwrap_err();
        assert_eq!(refused.answer().code, ErrorCode::Locked);
        assert!(preferences.view(&effective).values.start_at_login);
    }

    #[test]
    fn only_what_leads_elsewhere_is_a_new_way() {
        let home = tempfile::tempdir().unwrap();
        let (mut preferences, _) = preferences(home.path(), "");
        let mut way = |change| preferences.change(&change).unwrap().way;
        assert_eq!(way(SettingChange::Appearance(Appearance::Dark)), Way::Same);
        let proxy = SettingChange::Proxy(Some("http://proxy:3128".into()));
        assert_eq!(way(proxy.clone()), Way::New);
        assert_eq!(way(proxy), Way::Same);
        assert_eq!(way(SettingChange::Proxy(None)), Way::New);
    }

    #[test]
    fn a_certificate_file_that_cannot_be_used_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (mut preferences, effective) = preferences(home.path(), "");
        let missing = home.path().join("ca.pem").display().to_string();
        let refused = preferences
            .change(&SettingChange::CaFiles(vec![missing]))
            .unwrap_err();
        assert_eq!(refused.answer().code, ErrorCode::InvalidValue);
        assert_eq!(preferences.files.load().unwrap(), effective);
    }
}
