//! Google accounts.

use super::{DirectUse, OfflineAccess, Preset, PresetIssuer};

pub(super) const PRESET: Preset = Preset {
    name: "google",
    title: "Google",
    issuer: PresetIssuer::Fixed("https://accounts.google.com"),
    direct: DirectUse::No("its access tokens are for Google's own APIs, and nobody else can verify them"),
    // For `access_type=offline`; it has no such scope.
    offline_access: OfflineAccess::Otherwise,
    steps: &[
        "Google Cloud, Credentials: an OAuth client of type Web application, with the redirect URI PUBLIC_URL/login/callback",
    ],
    ..Preset::STANDARD
};
