import { z } from 'zod';

/** What the two registries of this package have in common: a name and a schema of options. */
export interface RegistryEntry {
  readonly name: string;
  readonly optionsSchema: z.ZodObject;
}

type EntrySchema<Name extends PropertyKey, Entry extends RegistryEntry> = z.ZodObject<
  { name: z.ZodLiteral<Name & string> } & Entry['optionsSchema']['shape'],
  z.core.$strict
>;

/** `{ name, ...options }` of any entry of a registry, as configured: options may be left to their defaults. */
export type ConfigInputOf<Registry extends Record<string, RegistryEntry>> = {
  [Name in keyof Registry]: z.input<EntrySchema<Name, Registry[Name]>>;
}[keyof Registry];

/** `{ name, ...options }` of any entry of a registry, with every option filled in. */
export type ConfigOf<Registry extends Record<string, RegistryEntry>> = {
  [Name in keyof Registry]: z.output<EntrySchema<Name, Registry[Name]>>;
}[keyof Registry];

/** The schema of a configuration that picks one entry of a registry by `name` and gives its options beside it. */
export function schemaOfRegistry<const Registry extends Record<string, RegistryEntry>>(
  registry: Registry,
): z.ZodType<ConfigOf<Registry>, ConfigInputOf<Registry>> {
  const [first, ...others] = Object.values(registry).map((entry) =>
    entry.optionsSchema.safeExtend({ name: z.literal(entry.name) }),
  );
  const union = first === undefined ? z.never() : z.discriminatedUnion('name', [first, ...others]);
  // The union is built at run time; its type is what the registry's literal type says.
  return union as unknown as z.ZodType<ConfigOf<Registry>, ConfigInputOf<Registry>>;
}
