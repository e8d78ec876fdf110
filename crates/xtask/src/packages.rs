//! The system packages that building and testing need, in one place.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{Steps, output};

/// A Debian package, and how its presence shows on a system that has no `dpkg`.
pub(crate) struct Package {
    name: &'static str,
    sign: Sign,
}

enum Sign {
    /// A program in `PATH`.
    Program(&'static str),
    /// A library that `pkg-config` knows.
    Library(&'static str),
    /// Something that cannot be seen from outside.
    Nothing,
}

const fn program(name: &'static str, program: &'static str) -> Package {
    Package {
        name,
        sign: Sign::Program(program),
    }
}

const fn font(name: &'static str) -> Package {
    Package {
        name,
        sign: Sign::Nothing,
    }
}

/// What only the bench needs: desktop programs to be measured beside.
pub(crate) const PEERS: &[Package] = &[
    program("otpclient", "otpclient"),
    program("keepassxc", "keepassxc-cli"),
];

/// What everything needs.
pub(crate) const PACKAGES: &[Package] = &[
    // To build.
    program("build-essential", "cc"),
    program("pkg-config", "pkg-config"),
    Package {
        name: "libwebkit2gtk-4.1-dev",
        sign: Sign::Library("webkit2gtk-4.1"),
    },
    // A private desktop session: bus, display, windows, keyring, notifications.
    program("dbus-daemon", "dbus-daemon"),
    program("xvfb", "Xvfb"),
    // A display with two screens.
    program("xserver-xorg-core", "Xorg"),
    Package {
        name: "xserver-xorg-video-dummy",
        sign: Sign::Nothing,
    },
    program("openbox", "openbox"),
    program("gnome-keyring", "gnome-keyring-daemon"),
    program("libsecret-tools", "secret-tool"),
    program("dunst", "dunst"),
    // Somebody at the desk: drives the window, types, looks.
    program("webkit2gtk-driver", "WebKitWebDriver"),
    program("xdotool", "xdotool"),
    program("imagemagick", "import"),
    program("x11-utils", "xprop"),
    program("xclip", "xclip"),
    font("fonts-dejavu-core"),
    font("fonts-noto-core"),
    font("fonts-noto-cjk"),
    // What packages install is valid, and drawn from one source.
    program("appstream", "appstreamcli"),
    program("desktop-file-utils", "desktop-file-validate"),
    program("librsvg2-bin", "rsvg-convert"),
    // Somebody who cannot see the screen.
    Package {
        name: "at-spi2-core",
        sign: Sign::Nothing,
    },
    // Cross-checks by other implementations.
    program("oathtool", "oathtool"),
    Package {
        name: "python3-venv",
        sign: Sign::Nothing,
    },
];

/// Installs what is missing, where `apt-get` is; elsewhere says what is needed.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn ensure(packages: &[Package], steps: &Steps) -> Result<()> {
    let debian =
        output("dpkg-query", &["--version"]).is_some() && output("apt-get", &["--version"]).is_some();
    let missing = if debian {
        missing_by_dpkg(packages)
    } else {
        missing_by_sign(packages)
    };
    if missing.is_empty() {
        return Ok(());
    }
    if !debian {
        bail!(
            "these Debian packages, or what your distribution calls them, are needed first: {}",
            missing.join(" ")
        );
    }
    let line = format!(
        "apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    let Some(become_root) = become_root() else {
        bail!("system packages are missing, and neither root nor sudo is at hand. Run as root:\n    {line}");
    };
    let apt = |arguments: &[&str]| {
        let mut words = become_root.iter().copied().chain(["apt-get"]);
        let mut command = Command::new(words.next().unwrap_or("apt-get"));
        command
            .args(words)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    steps
        .run(&mut apt(&["update", "--quiet"]))
        .context("the list of packages cannot be renewed")?;
    let arguments = ["install", "--yes", "--quiet", "--no-install-recommends"];
    steps
        .run(apt(&arguments).args(&missing))
        .with_context(|| format!("system packages could not be installed. Run as root:\n    {line}"))
}

fn missing_by_dpkg(packages: &[Package]) -> Vec<&'static str> {
    let installed = |name: &str| {
        output(
            "dpkg-query",
            &["--show", "--showformat=${db:Status-Status}", name],
        )
        .is_some_and(|status| status == "installed")
    };
    packages
        .iter()
        .map(|package| package.name)
        .filter(|name| !installed(name))
        .collect()
}

fn missing_by_sign(packages: &[Package]) -> Vec<&'static str> {
    let here = |package: &&Package| match package.sign {
        Sign::Program(program) => in_path(program),
        Sign::Library(library) => output("pkg-config", &["--exists", library]).is_some(),
        Sign::Nothing => true,
    };
    packages
        .iter()
        .filter(|package| !here(package))
        .map(|package| package.name)
        .collect()
}

/// What comes before a command that needs root: nothing, `sudo`, or no way.
fn become_root() -> Option<&'static [&'static str]> {
    if output("id", &["-u"]).is_some_and(|id| id.trim() == "0") {
        return Some(&[]);
    }
    in_path("sudo").then_some(&["sudo"])
}

/// Whether `PATH` has a program of this name.
pub(crate) fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
