// A file of its own in the bundled command: most runs have no settings file.
export { parse, TomlError } from 'smol-toml'
