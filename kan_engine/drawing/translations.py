"""Translations of picture texts, and number formats by language.

The code that draws a picture contains the English sentence with named placeholders. The table here has the
Russian translation. Tests compare the table with the source, and search a Russian picture of every kind for
English.
"""

import math
from typing import Literal

LanguageName = Literal["en", "ru"]
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
RUSSIAN_DIGITS = str.maketrans({",": "\xa0", ".": ","})  # 20,000.5 becomes 20 000,5
RUSSIAN = {
    # Diagram of a network
    "Kolmogorov-Arnold network [{shape}] for {outputs}": "Сеть Колмогорова-Арнольда [{shape}]: {outputs}",
    "Inputs at the bottom: {inputs}.": "Входы внизу: {inputs}.",
    "Outputs at the top: {outputs}.": "Выходы наверху: {outputs}.",
    "Nodes that multiply their inputs: {names}; all others add.": (
        "Узлы, которые перемножают свои входы: {names}; остальные складывают."
    ),
    "{count} edges, each with its activation as a curve; the strongest: {edges}.": (
        "Рёбер: {count}, на каждом его функция активации в виде кривой; самые сильные: {edges}."
    ),
    "none": "нет",
    "{edge}, score {score}": "{edge}, важность {score}",
    "{name}, the product of its inputs": "{name}, произведение входов",
    "The more opaque an edge, the higher its score within its layer.": (
        "Чем насыщеннее линия, тем важнее ребро в своём слое."
    ),
    "Nodes with × multiply their inputs; all others add.": (
        "Узлы со знаком × перемножают свои входы, остальные складывают."
    ),
    "Dashed edges skip layers.": "Штриховые рёбра минуют слои.",
    "{count} weaker edges are not drawn.": "Не показано более слабых рёбер: {count}.",
    "{count} of {all} inputs are omitted: none of their edges is drawn.": (
        "Не показано входов без нарисованных рёбер: {count} из {all}."
    ),
    "= {mean} + the sum of the curves": "= {mean} + сумма кривых",
    "{count} levels": "уровней: {count}",
    "other": "другие",
    "{count} curves, the strongest first: {curves}.": "Кривых: {count}, сначала самые сильные: {curves}.",
    "Below a curve: the range of its input; left: its contribution.": (
        "Под кривой: область её входа; слева: её вклад."
    ),
    "Contributions to sums are relative to their means.": "Вклады в суммы отсчитаны от их средних.",
    "Unused: {names}.": "Не используются: {names}.",
    "and {count} more": "и ещё {count}",
    "log-odds of": "логарифм шансов",
    "logit of": "логит",
    # Subject of a picture
    "{name}, version {version}": "{name}, версия {version}",
    "{count} hold-out rows": "отложенные строки ({count})",
    "{count} training rows": "строки обучения ({count})",
    # Evaluations
    "Error on labelled rows": "Ошибка на размеченных строках",
    "Errors of {name} on labelled rows": "Ошибки на размеченных строках, {name}",
    "evaluation": "оценка",
    "accurate network": "точная сеть",
    "compact network": "компактная сеть",
    "linear model": "линейная модель",
    "formula": "формула",
    "{member}, in training": "{member}, при обучении",
    "{name}: {count} evaluations, the last with an error of {error} on {rows} rows.": (
        "{name}: число оценок {count}, последняя с ошибкой {error}; число строк {rows}."
    ),
    "In training it was {error}.": "При обучении она была {error}.",
    # Losses
    "Loss during training": "Функция потерь при обучении",
    "Loss during the training of {name}": "Функция потерь при обучении, {name}",
    "training loss": "потери на обучении",
    "validation loss": "потери на проверке",
    "step": "шаг",
    "loss": "потери",
    "the training loss went from {first} to {last} in {count} recorded steps": (
        "потери на обучении изменились от {first} до {last}, записано шагов: {count}"
    ),
    "the training loss was {last} after the only recorded step": (
        "после единственного записанного шага потери на обучении {last}"
    ),
    "Error during the solution of the equations": "Ошибка при решении уравнений",
    "Error during the solution of the equations of {name}": "Ошибка при решении уравнений, {name}",
    "error of the solution": "ошибка решения",
    "error": "ошибка",
    "the error went from {first} to {last} in {count} steps": (
        "ошибка изменилась от {first} до {last}, шагов: {count}"
    ),
    "the error was {last} after the only step": "после единственного шага ошибка {last}",
    "The lowest validation loss was {best}.": "Наименьшие потери на проверке: {best}.",
    "The grid was refined: G = {grids}.": "Сетку измельчали: G = {grids}.",
    # Predicted and true values
    "Predicted and true values": "Предсказанные и истинные значения",
    "Predicted and true {target} of {name}": "Предсказанные и истинные значения {target}, {name}",
    "On the dashed diagonal, predictions equal the true values.": (
        "На штриховой диагонали предсказания равны истинным значениям."
    ),
    "Dots on the diagonal are correct predictions.": "Точки на диагонали предсказаны верно.",
    "true {target}": "{target} (на самом деле)",
    "predicted {target}": "{target} (предсказание)",
    "Residuals: true minus predicted": "Остатки: истинное минус предсказанное",
    "Residuals of {name} for {target}": "Остатки для {target}, {name}",
    "true − predicted": "истинное − предсказанное",
    "Half of the errors are at most {half}, 90 % at most {most}.": (
        "Половина ошибок не больше {half}, 90 % не больше {most}."
    ),
    "{count} rows without a prediction are omitted.": "Пропущено строк без предсказания: {count}.",
    "{count} of {all} predictions are too low.": "Занижено предсказаний: {count} из {all}.",
    "count": "количество",
    # Confusion matrix
    "Confusion matrix": "Матрица ошибок",
    "Confusion matrix of {name} for {target}": "Матрица ошибок для {target}, {name}",
    "predicted class": "предсказанный класс",
    "true class": "истинный класс",
    "The colour of a cell shows its share of the row; the diagonal has the correct predictions.": (
        "Насыщенность клетки показывает её долю в строке; верные предсказания на диагонали."
    ),
    "{name}, {rows}: {right} classified correctly ({percent} %).": (
        "{name}, {rows}: верно классифицировано {right} ({percent} %)."
    ),
    "Most frequent error, {count} times: {true} predicted as {decided}.": (
        "Самая частая ошибка: «{true}» предсказано как «{decided}» (раз: {count})."
    ),
    # Probabilities
    "Reliability diagram and ROC curves": "Калибровочная диаграмма и кривые ROC",
    "Probabilities of {name} for {target}": "Вероятности для {target}, {name}",
    "Reliability": "Калибровка",
    "probability of {name}": "вероятность «{name}»",
    "probability of any class": "вероятность любого класса",
    "observed share": "наблюдаемая доля",
    "false positive rate": "доля ложных срабатываний",
    "true positive rate": "доля верных срабатываний",
    "No probability is defined.": "Ни одна вероятность не определена.",
    "The expected calibration error is {error}.": "Ожидаемая ошибка калибровки: {error}.",
    "There is no ROC curve: all rows have the same class.": "Кривой ROC нет: все строки одного класса.",
    "The area under the ROC curve is {area}.": "Площадь под кривой ROC: {area}.",
    "Areas under the ROC curves, each class against all others: {least} to {most}.": (
        "Площади под кривыми ROC, каждый класс против остальных: от {least} до {most}."
    ),
    "The {shown} largest of {all} are drawn.": "Показаны наибольшие: {shown} из {all}.",
    # Effects and importance of features
    "Effects of the features": "Влияние признаков",
    "Effects of the features of {name} on {target}": "Влияние признаков на {target}, {name}",
    "{name}: mean of {what} by the network as one feature varies (partial dependence).": (
        "{name}: {what}, среднее по сети при изменении одного признака (частичная зависимость)."
    ),
    "{name}: mean of {what} as each feature varies.": (
        "{name}: {what}, среднее при изменении каждого признака."
    ),
    "{name}: from {low} at {lowest} to {high} at {highest}": (
        "{name}: от {low} при {lowest} до {high} при {highest}"
    ),
    "probability": "вероятность",
    "missing": "нет значения",
    "true": "да",
    "false": "нет",
    "Line: mean; band: 10 % to 90 % quantile of the rows.": (
        "Линия: среднее; полоса: от квантиля 10 % до квантиля 90 % по строкам."
    ),
    "Short marks: minimum, deciles and maximum of the training rows.": (
        "Засечки: минимум, децили и максимум в строках обучения."
    ),
    "The {shown} most important of {all} features are drawn.": (
        "Показаны самые важные признаки: {shown} из {all}."
    ),
    "Importance of the features": "Важность признаков",
    "Importance of the features of {name} for {target}": "Важность признаков для {target}, {name}",
    "{name}: the {metric} on {rows} is {error}.": "{name}: {rows}, {metric} {error}.",
    "Each bar is its increase when the values of that feature are shuffled.": (
        "Полоса показывает её рост, если перемешать значения признака."
    ),
    "increase of the {metric}": "рост {metric}",
    "Thin lines: one standard deviation over {count} shuffles.": (
        "Тонкие линии: стандартное отклонение, перемешиваний: {count}."
    ),
    "{count} features were not evaluated.": "Не рассмотрено признаков: {count}.",
    # Densities
    "Density estimate": "Оценка плотности",
    "Density {target} of {name}": "Плотность {target}, {name}",
    "density": "плотность",
    "network": "сеть",
    "law: {name}": "закон: {name}",
    "Mean log-likelihood of the network: {mean}.": "Среднее логарифмическое правдоподобие сети: {mean}.",
    "Of the law {name}: {mean}.": "Закона ({name}): {mean}.",
    "Dots: rows; lines: contours of equal density, wider where the density is higher.": (
        "Точки: строки; линии: уровни плотности, чем шире линия, тем выше плотность."
    ),
    # Solutions of equations
    "Solution of the equations": "Решение уравнений",
    "Solution {target} of {name}": "Решение {target}, {name}",
    "Relative residual: equations {equation}, conditions {condition}.": (
        "Относительная невязка: уравнений {equation}, условий {condition}."
    ),
    "Slice at {place}, the middle of the range.": "Срез в середине области: {place}.",
    "{name} is {value} everywhere": "{name} всюду равно {value}",
    "Line: solution; dots: measurements.": "Линия: решение; точки: измерения.",
    "Colours: values by the scale beside the map; lines: contours.": (
        "Цвета: значения по шкале рядом с картой; линии: уровни."
    ),
    "Dashed lines: values below 0.": "Штриховые линии: значения меньше 0.",
    "Dots: points of measurement.": "Точки: места измерений.",
    # Studies
    "Study of {target}": "Исследование {target}",
    "Study of {target} in {dataset}": "Исследование {target}, данные {dataset}",
    "{title}: {metric} against {axis}": "{title}: {metric}, {axis}",
    "grid intervals G": "число интервалов сетки G",
    "parameters": "число параметров",
    "{metric} on the hold-out rows": "{metric} на отложенных строках",
    "The {shown} best of {all} settings are drawn.": "Показаны лучшие настройки: {shown} из {all}.",
    "seconds of training": "секунды обучения",
    "Dots: medians; bars: minimum to maximum.": "Точки: медианы; отрезки: от минимума до максимума.",
    "For a fixed shape, parameters are proportional to G, so the slope is the same.": (
        "При заданной форме число параметров пропорционально G, поэтому наклон тот же."
    ),
    "{metric} {error} at {first} and {less} at {last} {axis}.": (
        "{metric} {error} при {first} и {less} при {last} ({axis})."
    ),
}

LAWS = {  # of densities, as the page names them
    "normal": "нормальный",
    "log-normal": "логнормальный",
    "exponential": "экспоненциальный",
    "gamma": "гамма-распределение",
    "Weibull": "Вейбулла",
    "beta": "бета-распределение",
    "uniform": "равномерный",
    "Laplace": "Лапласа",
    "logistic": "логистический",
    "Student t": "Стьюдента",
    "Cauchy": "Коши",
    "Gumbel of maxima": "Гумбеля для максимумов",
    "Gumbel of minima": "Гумбеля для минимумов",
    "mixture of two normal laws": "смесь двух нормальных",
    "bivariate normal": "двумерный нормальный",
}


def say(language: LanguageName, sentence: str, **values: str | float | None) -> str:
    """Translate a sentence and insert values in the notation of the language.

    Args:
        language: The language.
        sentence: The English sentence with placeholders in braces.
        **values: Values of the placeholders: texts unchanged, integers in full, other numbers with 3 digits.
    """
    template = sentence if language == "en" else RUSSIAN[sentence]
    return template.format(**{name: _format_value(language, value) for name, value in values.items()})


def name_law(language: LanguageName, law: str) -> str:
    """The name of a recognised distribution; an unknown one stays English."""
    return law if language == "en" else LAWS.get(law, law)


def _format_value(language: LanguageName, value: str | float | None) -> str:
    return str(value) if isinstance(value, str | int) else localise_number(language, format_number(value))


def localise_number(language: LanguageName, number: str) -> str:
    """Convert a number in English notation to the notation of a language."""
    return number if language == "en" else number.translate(RUSSIAN_DIGITS)


def format_number(value: float | None, digits: int = 3) -> str:
    """Format a number for a sentence; ``?`` if it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return "?"
    text = f"{value:.{digits}g}"
    return format_power_of_ten(value, digits) if "e" in text else text.replace("-", "−")


def format_end(value: float, digits: int = 3) -> str:
    """Format an end of a range: integers of up to 6 digits in full, other numbers with ``digits`` digits."""
    if math.isfinite(value) and abs(value) < 1e6:
        digits = max(digits, len(f"{abs(value):.0f}"))
    return format_number(value, digits)


def format_power_of_ten(value: float, digits: int = 3) -> str:
    """Format a number as a multiple of a power of ten."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    sign = "−" if mantissa.startswith("-") else ""
    factor = mantissa.lstrip("-")
    return f"{sign}{power}" if factor == "1" else f"{sign}{factor}·{power}"
