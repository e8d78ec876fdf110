//! What the dialogs say, in every language. A text that is missing does not compile.

use countersign_agent_api::{ByLanguage, Language};

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

static WORDS: ByLanguage<Words> = ByLanguage {
    english: ENGLISH,
    german: GERMAN,
    french: FRENCH,
    spanish: SPANISH,
    japanese: JAPANESE,
    arabic: ARABIC,
};

/// The texts in this language.
pub(super) fn of(language: Language) -> &'static Words {
    WORDS.of(language)
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

    #[test]
    fn every_language_has_its_own_titles() {
        let all = Language::ALL.map(of);
        for (at, one) in all.iter().enumerate() {
            for other in &all[..at] {
                assert_ne!(one.picture, other.picture);
                assert_ne!(one.certificates, other.certificates);
                assert_ne!(one.export, other.export);
                assert_ne!(one.import, other.import);
                assert_ne!(one.folder, other.folder);
            }
        }
    }
}
