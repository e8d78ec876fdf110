//! What the dialogs say, in every language. A text that is missing does not compile.

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    French,
    Spanish,
    Japanese,
    Arabic,
}

/// The texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Which picture holds the code.
    pub(super) picture: &'static str,
    /// The kinds of file that a picture can be.
    pub(super) pictures: &'static str,
    /// Which certificates are trusted as well.
    pub(super) certificates: &'static str,
    /// Where to write a file.
    pub(super) export: &'static str,
    /// Which file holds the codes of another app.
    pub(super) import: &'static str,
    /// Which folder backups go to.
    pub(super) folder: &'static str,
}

impl Language {
    /// As the pages choose theirs: by the setting (BCP 47), else by the variables that POSIX gives messages, in their order,
    /// else English. `variable` reads one.
    pub(super) fn of(setting: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let session = || {
            ["LC_ALL", "LC_MESSAGES", "LANG"]
                .into_iter()
                .filter_map(variable)
                .find(|locale| !locale.is_empty())
        };
        setting
            .and_then(Self::spoken)
            .or_else(|| session().as_deref().and_then(Self::spoken))
            .unwrap_or(Self::English)
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
            Self::French => &FRENCH,
            Self::Spanish => &SPANISH,
            Self::Japanese => &JAPANESE,
            Self::Arabic => &ARABIC,
        }
    }

    /// Of a tag (`de-AT`) or a locale (`de_AT.UTF-8`); none if there are no texts in it.
    fn spoken(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            "fr" => Some(Self::French),
            "es" => Some(Self::Spanish),
            "ja" => Some(Self::Japanese),
            "ar" => Some(Self::Arabic),
            _ => None,
        }
    }
}

const ENGLISH: Words = Words {
    picture: "Choose a picture of the code",
    pictures: "PNG and JPEG",
    certificates: "Choose certificates to trust",
    export: "Export",
    import: "Choose a file with codes",
    folder: "Choose a folder for backups",
};

const GERMAN: Words = Words {
    picture: "Bild des Codes auswählen",
    pictures: "PNG und JPEG",
    certificates: "Zertifikate auswählen, denen vertraut wird",
    export: "Exportieren",
    import: "Datei mit Codes auswählen",
    folder: "Ordner für Sicherungen auswählen",
};

const FRENCH: Words = Words {
    picture: "Choisir une image du code",
    pictures: "PNG et JPEG",
    certificates: "Choisir les certificats de confiance",
    export: "Exporter",
    import: "Choisir un fichier de codes",
    folder: "Choisir un dossier pour les sauvegardes",
};

const SPANISH: Words = Words {
    picture: "Elegir una imagen del código",
    pictures: "PNG y JPEG",
    certificates: "Elegir certificados de confianza",
    export: "Exportar",
    import: "Elegir un archivo con códigos",
    folder: "Elegir una carpeta para las copias de seguridad",
};

const JAPANESE: Words = Words {
    picture: "コードの画像を選択",
    pictures: "PNG と JPEG",
    certificates: "信頼する証明書を選択",
    export: "書き出し",
    import: "コードのファイルを選択",
    folder: "バックアップのフォルダーを選択",
};

const ARABIC: Words = Words {
    picture: "اختيار صورة الرمز",
    pictures: "PNG و JPEG",
    certificates: "اختيار الشهادات الموثوق بها",
    export: "تصدير",
    import: "اختيار ملف يحتوي على الرموز",
    folder: "اختيار مجلد للنسخ الاحتياطية",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn german_session(name: &str) -> Option<String> {
        match name {
            "LC_ALL" => Some(String::new()),
            "LANG" => Some("de_AT.UTF-8".into()),
            _ => None,
        }
    }

    #[test]
    fn a_setting_counts_before_the_session() {
        for (setting, language) in [
            (Some("fr-CA"), Language::French),
            (Some("AR"), Language::Arabic),
            (Some("nl"), Language::German),
            (None, Language::German),
        ] {
            assert_eq!(Language::of(setting, german_session), language, "{setting:?}");
        }
        assert_eq!(Language::of(None, |_| None), Language::English);
        assert_eq!(Language::of(None, |_| Some("C".into())), Language::English);
    }

    #[test]
    fn every_language_has_its_own_titles() {
        let all = ["en", "de", "fr", "es", "ja", "ar"].map(|tag| Language::of(Some(tag), |_| None));
        for (at, one) in all.iter().enumerate() {
            for other in &all[..at] {
                assert_ne!(one, other);
                assert_ne!(one.words().picture, other.words().picture);
                assert_ne!(one.words().certificates, other.words().certificates);
                assert_ne!(one.words().export, other.words().export);
                assert_ne!(one.words().import, other.words().import);
                assert_ne!(one.words().folder, other.words().folder);
            }
        }
    }
}
