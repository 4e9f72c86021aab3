/**
 * The device as an early boot finds it. Its configuration may be missing or wrong, and is read again
 * each time it is needed: a bad file is reported on the screen, and stops only what needs it.
 */
import { type BootSettings, bootSettingsOf } from '../device/boot-settings.ts'
import { Device, type Overrides } from '../device/device.ts'
import { defaults } from '../device/settings.ts'
import { ConfigError, isSystemError } from '../errors.ts'
import type { Host } from '../host.ts'
import { type Progress, silent } from '../progress.ts'

/** An empty file. */
const NO_CONFIGURATION = '/dev/null'

/** What the configuration says about starting. Throws a ConfigError that says what is wrong. */
export function readBootSettings(host: Host): BootSettings {
  return bootSettingsOf(new Device(host, silent).configuration)
}

/** For when the configuration can't be used. Then nothing says that a shell is allowed, so there is none. */
export function defaultBootSettings(): BootSettings {
  return { ...bootSettingsOf(defaults()), rescueShell: false }
}

/**
 * With its configuration; or, if that can't be used (which was reported when the settings were read), as
 * a laptop without any: what is in the image must start it all the same.
 */
export function standingDevice(
  host: Host,
  overrides: Overrides = {},
  progress: Progress = silent,
): Device {
  const device = new Device(host, progress, overrides)
  try {
    void device.configuration
    return device
  } catch (error) {
    if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
    const standing = new Device(host, progress, { ...overrides, configuration: NO_CONFIGURATION })
    // Read here and now: later there may be no devices.
    void standing.configuration
    return standing
  }
}
