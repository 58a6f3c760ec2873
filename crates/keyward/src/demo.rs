mod tools;
mod upstream;
