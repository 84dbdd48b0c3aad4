// The rest of the package is then left out of the bundled command.
export { parse, TomlError } from 'smol-toml'
