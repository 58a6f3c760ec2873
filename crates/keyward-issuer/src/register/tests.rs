mod dynamic;
mod metadata_document;
