import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFiles, REPOSITORY_ROOT } from './generated-files.js';

// What `npm run generate` does.
for (const { path, content } of await generateFiles()) {
  await writeFile(join(REPOSITORY_ROOT, path), content);
  process.stdout.write(`${path}\n`);
}
