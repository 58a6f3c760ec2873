//! "Did you mean": the nearest of the names that exist.

/// Advice that names the nearest known name, or lists the names when none is near.
pub(crate) fn advice<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let distance = |name: &str| strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase());
    let nearest = known.iter().map(|name| (distance(name), *name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + name.chars().count() / 4 => Some(format!("did you mean `{name}`?")),
        Some(_) => Some(format!("known here: {}", known.join(", "))),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn names_the_nearest_or_lists_all() {
        assert_eq!(advice("lisen", ["listen", "public_url"]).as_deref(), Some("did you mean `listen`?"));
        assert_eq!(advice("colour", ["listen", "path"]).as_deref(), Some("known here: listen, path"));
        assert_eq!(advice("x", []), None);
    }
}
