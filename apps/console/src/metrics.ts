import { qualityMetrics, type QualityMetric } from '@semcast/quality';
import { figure } from './format.js';

/** Figures by the names that people call them: those of the registry, then distances of metric bundles. */
export function allMetrics(
  figures: Readonly<Record<string, number>>,
): { readonly label: string; readonly text: string }[] {
  const known: Readonly<Record<string, QualityMetric>> = qualityMetrics;
  return Object.entries(figures).map(([name, value]) => {
    const { label = name, unit = '', decimals = 4 } = known[name] ?? {};
    return { label, text: `${figure(value, decimals)} ${unit}`.trimEnd() };
  });
}
